//! A TUN device in another network namespace: the only place that speaks to the kernel directly.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

/// `TUNSETIFF` of `linux/if_tun.h`.
const TUNSETIFF: libc::Ioctl = 0x4004_54ca_u32 as libc::Ioctl;

/// Opens a TUN device of this name in a namespace that `ip netns add` made. It goes when the file is closed. Reads and
/// writes are of one packet each, from the IP header on, and do not wait.
///
/// The thread that calls this stays in that namespace.
///
/// # Errors
/// There is no such namespace, or no right to enter it or to make devices.
pub fn open(namespace: &str, name: &str) -> io::Result<File> {
    let there = File::open(format!("/run/netns/{namespace}"))?;
    // SAFETY: a system call on a descriptor that lives until after it.
    check(unsafe { libc::setns(there.as_raw_fd(), libc::CLONE_NEWNET) })?;
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open("/dev/net/tun")?;
    // SAFETY: for this type all zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let name = CString::new(name)?;
    // One byte stays zero behind the name.
    let places = request.ifr_name.iter_mut().rev().skip(1).rev();
    for (place, byte) in places.zip(name.as_bytes()) {
        *place = *byte as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: `TUNSETIFF` reads and writes one `ifreq`.
    check(unsafe { libc::ioctl(device.as_raw_fd(), TUNSETIFF, &mut request) })?;
    Ok(device)
}

/// Waits until one of these can be read, or the time is over.
///
/// # Errors
/// The kernel's.
pub fn wait(readable: &[RawFd], time: Option<Duration>) -> io::Result<()> {
    let wanted = |fd: &RawFd| libc::pollfd { fd: *fd, events: libc::POLLIN, revents: 0 };
    let mut polled: Vec<libc::pollfd> = readable.iter().map(wanted).collect();
    let time = time.map(|time| libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
        tv_nsec: time.subsec_nanos().into(),
    });
    let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let count = polled.len() as libc::nfds_t;
    // SAFETY: the list and the time live until after the call; no signal mask is given.
    let woken = unsafe { libc::ppoll(polled.as_mut_ptr(), count, time, std::ptr::null()) };
    match check(woken) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// Asks for timers of this thread that are not put off: by default they may come 50 µs late.
pub fn be_punctual() {
    // SAFETY: takes a number and changes nothing but this thread's timers. A refusal only makes it less precise.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}

fn check(answer: libc::c_int) -> io::Result<()> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
