//! Archives that a stranger's reader opens, byte for byte and by Python's `zipfile`.

use std::process::Command;

use proptest::prelude::*;

use super::zip::{ZipEntry, ZipTime, ZipWriter};

/// 2024-02-29 12:34:56 UTC.
const LEAP_DAY: u64 = 1_709_210_096;

/// Bytes of the time of change in each header.
const TIME: usize = 9;

fn entry(path: &str, bytes: u64, crc32: u32) -> ZipEntry {
    let changed = ZipTime { unix_seconds: LEAP_DAY, ahead_of_utc: 0 };
    ZipEntry { path: path.to_owned(), bytes, crc32, changed }
}

/// CRC-32 of zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new();
    let mut whole = Vec::new();
    for (path, bytes) in files {
        whole.extend(zip.local_header(&entry(path, bytes.len() as u64, crc32(bytes))));
        whole.extend_from_slice(bytes);
    }
    whole.extend(zip.finish());
    whole
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn golden_bytes_of_a_small_archive() {
    let golden = [
        // Local header: signature, version 2.0, UTF-8, stored, 12:34:56, 2024-02-29, CRC, sizes, name length, extra;
        // the extra field 0x5455 with the time of change alone.
        "504b0304 1400 0008 0000 5c64 5d58 86a61036 05000000 05000000 0400 0900 c3a92f61 5554 0500 01 f079e065",
        // Central header: made on Unix; comment, disk, attributes; mode 0644; offset 0.
        "504b0102 1403 1400 0008 0000 5c64 5d58 86a61036 05000000 05000000 0400 0900 0000 0000 0000",
        "0000a481 00000000 c3a92f61 5554 0500 01 f079e065",
        // End: disks, one entry twice, directory's length and offset, no comment.
        "504b0506 0000 0000 0100 0100 3b000000 30000000 0000",
    ]
    .map(|part| part.replace(' ', ""));
    let whole = archive(&[("é/a", b"hello")]);
    let [local, central, rest, end] = golden;
    assert_eq!(hex(&whole), format!("{local}68656c6c6f{central}{rest}{end}"));
}

#[test]
fn an_empty_archive_is_its_end() {
    assert_eq!(hex(&ZipWriter::new().finish()), format!("504b0506{}", "00".repeat(18)));
}

#[test]
fn times_outside_its_century_are_moved_into_it() {
    for (unix_seconds, ahead_of_utc, dos, extra) in [
        (0, 0, "00002100", TIME),
        (0, -43_200, "00002100", TIME),
        (u64::MAX, 50_400, "7dbf9fff", 0),
        (1 << 31, 0, "c4193374", 0),
        (LEAP_DAY, 0, "5c645d58", TIME),
        // Chatham: 45 minutes past a whole hour. Honolulu: the day before.
        (LEAP_DAY, 49_500, "7c126158", TIME),
        (LEAP_DAY - 43_200, -36_000, "5c745c58", TIME),
    ] {
        let changed = ZipTime { unix_seconds, ahead_of_utc };
        let header = ZipWriter::new().local_header(&ZipEntry { changed, ..entry("a", 0, 0) });
        assert_eq!(hex(&header[10..14]), dos, "{changed:?}");
        assert_eq!(header.len(), 31 + extra, "{changed:?}");
    }
}

/// What a reader finds in a directory, ZIP64 applied.
#[derive(Debug, PartialEq)]
struct Found {
    path: String,
    bytes: u64,
    offset: u64,
    zip64: bool,
}

fn le(bytes: &[u8], at: usize, length: usize) -> u64 {
    bytes[at..at + length].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Reads the end that [`ZipWriter::finish`] made, as if it stood at `offset`. Tells whether it ends in ZIP64.
fn read_directory(end: &[u8], offset: u64) -> (Vec<Found>, bool) {
    let last = end.len() - 22;
    assert_eq!(le(end, last, 4), 0x0605_4b50);
    let (mut count, mut length, mut start) =
        (le(end, last + 10, 2), le(end, last + 12, 4), le(end, last + 16, 4));
    let zip64 = last >= 20 && le(end, last - 20, 4) == 0x0706_4b50;
    if zip64 {
        let at = (le(end, last - 12, 8) - offset) as usize;
        assert_eq!(le(end, at, 4), 0x0606_4b50);
        assert_eq!(le(end, at + 4, 8) as usize, last - 20 - at - 12);
        assert_eq!(le(end, at + 24, 8), le(end, at + 32, 8));
        (count, length, start) = (le(end, at + 32, 8), le(end, at + 40, 8), le(end, at + 48, 8));
    }
    assert_eq!(start, offset);
    let mut found = Vec::new();
    let mut at = 0;
    while at < length as usize {
        assert_eq!(le(end, at, 4), 0x0201_4b50);
        let (mut bytes, mut place) = (le(end, at + 24, 4), le(end, at + 42, 4));
        let name_end = at + 46 + le(end, at + 28, 2) as usize;
        let extras = &end[name_end..name_end + le(end, at + 30, 2) as usize];
        let (extra, time) = extras.split_at(extras.len() - TIME);
        assert_eq!(le(time, 0, 5), 0x01_0005_5455);
        let mut values = extra.get(4..).unwrap_or_default().chunks(8).map(|value| le(value, 0, 8));
        if bytes == 0xffff_ffff {
            bytes = values.next().unwrap();
            assert_eq!(values.next(), Some(bytes));
        }
        if place == 0xffff_ffff {
            place = values.next().unwrap();
        }
        assert_eq!(values.next(), None);
        assert_eq!(le(end, at + 6, 2), if extra.is_empty() { 20 } else { 45 });
        let path = String::from_utf8(end[at + 46..name_end].to_vec()).unwrap();
        found.push(Found { path, bytes, offset: place, zip64: !extra.is_empty() });
        at = name_end + extras.len();
    }
    assert_eq!(count, found.len() as u64);
    (found, zip64)
}

#[test]
fn zip64_begins_exactly_where_a_number_does_not_fit() {
    for (sizes, large_entries, large_end) in [
        (vec![0xffff_fffe, 1], vec![false, true], true),
        (vec![0xffff_ffff], vec![true], true),
        (vec![0xffff_ffff - 41, 0], vec![false, false], true),
        (vec![0xffff_ffff - 40, 0], vec![false, true], true),
        (vec![0xffff_ffff - 100, 0], vec![false, false], false),
        (vec![1 << 40, 1 << 33, 5], vec![true, true, true], true),
    ] {
        let mut zip = ZipWriter::new();
        let mut offsets = Vec::new();
        let mut offset = 0;
        for bytes in &sizes {
            let header = zip.local_header(&entry("x", *bytes, 7));
            let large = *bytes >= 0xffff_ffff;
            assert_eq!(header.len(), TIME + if large { 51 } else { 31 });
            assert_eq!(le(&header, 4, 2), if large { 45 } else { 20 });
            if large {
                assert_eq!((le(&header, 35, 8), le(&header, 43, 8)), (*bytes, *bytes));
            }
            offsets.push(offset);
            offset += header.len() as u64 + bytes;
        }
        let (found, zip64) = read_directory(&zip.finish(), offset);
        assert_eq!(found.iter().map(|f| f.bytes).collect::<Vec<_>>(), sizes);
        assert_eq!(found.iter().map(|f| f.offset).collect::<Vec<_>>(), offsets);
        assert_eq!(found.iter().map(|f| f.zip64).collect::<Vec<_>>(), large_entries, "{sizes:?}");
        assert_eq!(zip64, large_end, "{sizes:?}");
    }
}

#[test]
fn zip64_counts_more_entries_than_a_short_does() {
    for (count, large) in [(65_534, false), (65_535, true), (70_000, true)] {
        let mut zip = ZipWriter::new();
        let offset = (0..count).map(|_| zip.local_header(&entry("x", 0, 0)).len() as u64).sum();
        let (found, zip64) = read_directory(&zip.finish(), offset);
        assert_eq!((found.len(), zip64), (count, large));
    }
}

/// What a program in Python prints of an archive, in this time zone. `None` if there is no Python.
fn python(script: &str, whole: &[u8], zone: &str) -> Option<String> {
    let name = format!("transfer4me-{}-{}.zip", std::process::id(), zone.len());
    let path = std::env::temp_dir().join(name);
    Command::new("python3").arg("--version").output().ok()?;
    std::fs::write(&path, whole).unwrap();
    let python =
        Command::new("python3").args(["-c", script]).arg(&path).env("TZ", zone).output().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    Some(String::from_utf8(python.stdout).unwrap())
}

#[test]
fn python_reads_it() {
    let many: Vec<u8> = (0..100_000_u32).map(|n| (n * 7) as u8).collect();
    let whole = archive(&[("a/ж 日本.txt", b"hello"), ("empty", b""), ("a/b/many", &many)]);
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n\
        for i in z.infolist(): print(ascii(i.filename), i.file_size, *i.date_time, oct(i.external_attr >> 16), \
        sum(z.read(i)))";
    let Some(printed) = python(script, &whole, "UTC") else { return };
    let sum: u64 = many.iter().map(|byte| u64::from(*byte)).sum();
    let at = "2024 2 29 12 34 56 0o100644";
    assert_eq!(
        printed,
        format!(
            "'a/\\u0436 \\u65e5\\u672c.txt' 5 {at} 532\n'empty' 0 {at} 0\n'a/b/many' 100000 {at} {sum}\n"
        )
    );
}

#[test]
fn python_finds_the_files_own_dates_and_folders() {
    let mut zip = ZipWriter::new();
    // New York, in winter and in summer, as a browser there tells its clock; a second that DOS time cannot hold.
    let changed = |unix_seconds, ahead_of_utc| ZipTime { unix_seconds, ahead_of_utc };
    let mut whole = Vec::new();
    for (path, changed) in [
        ("winter", changed(LEAP_DAY + 1, -18_000)),
        ("summer", changed(1_720_000_001, -14_400)),
        ("empty folder/", changed(LEAP_DAY, -18_000)),
    ] {
        whole.extend(zip.local_header(&ZipEntry { changed, ..entry(path, 0, 0) }));
    }
    whole.extend(zip.finish());
    // The local time must be what the exact time is in that zone, which Python asks the system for.
    let script = "import struct, sys, time, zipfile\nfor i in zipfile.ZipFile(sys.argv[1]).infolist():\n \
        id, size, flags, at = struct.unpack('<HHBi', i.extra)\n local = time.localtime(at)\n \
        assert i.date_time == (*local[:5], local[5] // 2 * 2), (i.date_time, local)\n \
        print(i.filename, hex(id), size, flags, at, i.is_dir(), oct(i.external_attr >> 16), i.external_attr & 16)";
    let Some(printed) = python(script, &whole, "EST5EDT,M3.2.0,M11.1.0") else { return };
    assert_eq!(
        printed,
        format!(
            "winter 0x5455 5 1 {} False 0o100644 0\nsummer 0x5455 5 1 1720000001 False 0o100644 0\n\
             empty folder/ 0x5455 5 1 {LEAP_DAY} True 0o40755 16\n",
            LEAP_DAY + 1
        )
    );
}

proptest! {
    #[test]
    fn every_entry_is_found_again(
        entries in prop::collection::vec(("\\PC{0,20}", 0_u64..1 << 34, any::<u32>()), 0..20),
    ) {
        let mut zip = ZipWriter::new();
        let mut offset = 0;
        let mut expected = Vec::new();
        for (path, bytes, crc32) in &entries {
            let large = *bytes >= 0xffff_ffff || offset >= 0xffff_ffff;
            expected.push(Found { path: path.clone(), bytes: *bytes, offset, zip64: large });
            offset += zip.local_header(&entry(path, *bytes, *crc32)).len() as u64 + bytes;
        }
        prop_assert_eq!(read_directory(&zip.finish(), offset).0, expected);
    }
}
