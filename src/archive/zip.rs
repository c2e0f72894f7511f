//! A ZIP archive that only stores, made around files whose bytes stay where they are.
//!
//! A browser assembles `[header, file, header, file, …, directory]` from byte vectors made here and slices of
//! its own storage, so no content passes through. Sections are those of PKWARE's APPNOTE.TXT 6.3.10. ZIP64
//! (4.5.3, 4.3.14) is used exactly where a number does not fit; older readers open everything else.

/// From here on a 32-bit field says "see ZIP64" instead (4.4.1.4).
const NO_FIT_32: u64 = u32::MAX as u64;
/// The same for a 16-bit field.
const NO_FIT_16: u64 = u16::MAX as u64;
/// Names are UTF-8: bit 11 of the general purpose flags (4.4.4).
const UTF8_NAMES: u16 = 1 << 11;
/// Version 2.0 of the format: folders (4.4.3.2).
const VERSION: u16 = 20;
/// Version 4.5: ZIP64.
const VERSION_ZIP64: u16 = 45;
/// Made on Unix (4.4.2.2), so that the upper half of the external attributes is a file mode.
const MADE_ON_UNIX: u16 = 3 << 8;
/// A regular file that its owner may write and all may read.
const FILE_MODE: u32 = 0o100_644 << 16;
/// A folder that its owner may write and all may look into; the lowest bit says folder in the manner of MS-DOS.
const FOLDER_MODE: u32 = (0o040_755 << 16) | 0x10;
/// Header id of the ZIP64 extra field (4.5.3).
const ZIP64_EXTRA: u16 = 1;
/// Header id of the extended timestamp (Info-ZIP's extrafld.txt): what DOS time leaves open, which is the zone.
const TIME_EXTRA: u16 = 0x5455;
/// Bytes of that field with its header.
const TIME_EXTRA_BYTES: usize = 9;

/// When a file was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZipTime {
    /// Unix time in seconds.
    pub unix_seconds: u64,
    /// Seconds by which the clocks of whoever saves are ahead of UTC then: the format's older field is local time.
    pub ahead_of_utc: i32,
}

/// One file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZipEntry {
    /// Its path, made safe: see [`super::safe_path`]. A folder's ends in `/` (4.3.8), and it has no bytes.
    pub path: String,
    /// Its bytes.
    pub bytes: u64,
    /// Their CRC-32 (4.4.7), the one of zlib.
    pub crc32: u32,
    /// When it was changed.
    pub changed: ZipTime,
}

/// Makes the parts of one archive, in order.
#[derive(Clone, Debug, Default)]
pub struct ZipWriter {
    directory: Vec<u8>,
    offset: u64,
    entries: u64,
}

impl ZipWriter {
    /// An empty archive.
    pub fn new() -> Self {
        Self::default()
    }

    /// What comes before the file's bytes (4.3.7). They must follow, exactly as many as it says.
    pub fn local_header(&mut self, entry: &ZipEntry) -> Vec<u8> {
        let name = name_of(entry);
        let large = entry.bytes >= NO_FIT_32;
        let extra = if large { 20 } else { 0 } + time_extra_bytes(entry);
        let mut header = Vec::with_capacity(30 + name.len() + extra);
        put32(&mut header, 0x0403_4b50);
        put_entry(&mut header, entry, if large { VERSION_ZIP64 } else { VERSION });
        put16(&mut header, name.len() as u16);
        put16(&mut header, extra as u16);
        header.extend_from_slice(name.as_bytes());
        if large {
            // Both sizes are required here (4.5.3).
            put_zip64_extra(&mut header, &[entry.bytes, entry.bytes]);
        }
        put_time_extra(&mut header, entry);
        self.add_to_directory(entry);
        self.offset = self.offset.saturating_add(header.len() as u64).saturating_add(entry.bytes);
        self.entries += 1;
        header
    }

    /// What comes after the last file: the central directory and its end (4.3.12 to 4.3.16).
    pub fn finish(self) -> Vec<u8> {
        let mut end = self.directory;
        let length = end.len() as u64;
        let directory_end = self.offset.saturating_add(length);
        if self.entries >= NO_FIT_16 || length >= NO_FIT_32 || self.offset >= NO_FIT_32 {
            put32(&mut end, 0x0606_4b50);
            put64(&mut end, 44);
            put16(&mut end, MADE_ON_UNIX | VERSION_ZIP64);
            put16(&mut end, VERSION_ZIP64);
            put32(&mut end, 0);
            put32(&mut end, 0);
            put64(&mut end, self.entries);
            put64(&mut end, self.entries);
            put64(&mut end, length);
            put64(&mut end, self.offset);
            put32(&mut end, 0x0706_4b50);
            put32(&mut end, 0);
            put64(&mut end, directory_end);
            put32(&mut end, 1);
        }
        put32(&mut end, 0x0605_4b50);
        put16(&mut end, 0);
        put16(&mut end, 0);
        put16(&mut end, self.entries.min(NO_FIT_16) as u16);
        put16(&mut end, self.entries.min(NO_FIT_16) as u16);
        put32(&mut end, length.min(NO_FIT_32) as u32);
        put32(&mut end, self.offset.min(NO_FIT_32) as u32);
        put16(&mut end, 0);
        end
    }

    /// The entry's header in the central directory (4.3.12).
    fn add_to_directory(&mut self, entry: &ZipEntry) {
        let name = name_of(entry);
        let mut large = Vec::new();
        if entry.bytes >= NO_FIT_32 {
            large.extend([entry.bytes, entry.bytes]);
        }
        if self.offset >= NO_FIT_32 {
            large.push(self.offset);
        }
        let version = if large.is_empty() { VERSION } else { VERSION_ZIP64 };
        let extra =
            if large.is_empty() { 0 } else { 4 + 8 * large.len() } + time_extra_bytes(entry);
        let mut header = Vec::with_capacity(46 + name.len() + extra);
        put32(&mut header, 0x0201_4b50);
        put16(&mut header, MADE_ON_UNIX | version);
        put_entry(&mut header, entry, version);
        put16(&mut header, name.len() as u16);
        put16(&mut header, extra as u16);
        put16(&mut header, 0);
        put16(&mut header, 0);
        put16(&mut header, 0);
        put32(&mut header, if name.ends_with('/') { FOLDER_MODE } else { FILE_MODE });
        put32(&mut header, self.offset.min(NO_FIT_32) as u32);
        header.extend_from_slice(name.as_bytes());
        if !large.is_empty() {
            put_zip64_extra(&mut header, &large);
        }
        put_time_extra(&mut header, entry);
        self.directory.append(&mut header);
    }
}

/// The fields from "version needed" to "uncompressed size", the same in both headers.
fn put_entry(header: &mut Vec<u8>, entry: &ZipEntry, version: u16) {
    let [time, date] = dos_time(entry.changed);
    put16(header, version);
    put16(header, UTF8_NAMES);
    // Stored, not compressed (4.4.5).
    put16(header, 0);
    put16(header, time);
    put16(header, date);
    put32(header, entry.crc32);
    put32(header, entry.bytes.min(NO_FIT_32) as u32);
    put32(header, entry.bytes.min(NO_FIT_32) as u32);
}

/// The field is a signed number of 32 bits, which ends in 2038.
fn fits_time_extra(entry: &ZipEntry) -> Option<u32> {
    i32::try_from(entry.changed.unix_seconds).ok().map(i32::cast_unsigned)
}

fn time_extra_bytes(entry: &ZipEntry) -> usize {
    if fits_time_extra(entry).is_some() { TIME_EXTRA_BYTES } else { 0 }
}

/// The time of change alone, in both headers alike.
fn put_time_extra(out: &mut Vec<u8>, entry: &ZipEntry) {
    if let Some(seconds) = fits_time_extra(entry) {
        put16(out, TIME_EXTRA);
        put16(out, TIME_EXTRA_BYTES as u16 - 4);
        out.push(1);
        put32(out, seconds);
    }
}

/// A name's length has 16 bits. Safe paths are far shorter; anything else is cut rather than made wrong.
fn name_of(entry: &ZipEntry) -> &str {
    let end = entry.path.floor_char_boundary(usize::from(u16::MAX));
    entry.path.get(..end).unwrap_or_default()
}

/// Time and date of MS-DOS (4.4.6), by the clocks of whoever saves; from 1980 to 2107, in steps of two seconds.
fn dos_time(time: ZipTime) -> [u16; 2] {
    const FIRST: u64 = 315_532_800; // 1980-01-01
    const LAST: u64 = 4_354_819_198; // 2107-12-31 23:59:58
    let local = time.unix_seconds.saturating_add_signed(time.ahead_of_utc.into());
    let seconds = local.clamp(FIRST, LAST);
    let (year, month, day) = civil_from_days(seconds / 86_400);
    let second = seconds % 86_400;
    let (hours, minutes, pairs) = (second / 3600, second / 60 % 60, second % 60 / 2);
    let time = (hours << 11) | (minutes << 5) | pairs;
    let date = ((year - 1980) << 9) | (month << 5) | day;
    [time as u16, date as u16]
}

/// Year, month and day of a day since 1970 (H. Hinnant, "chrono-compatible low-level date algorithms").
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Months count from March, so that the leap day comes last.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

fn put_zip64_extra(out: &mut Vec<u8>, values: &[u64]) {
    put16(out, ZIP64_EXTRA);
    put16(out, 8 * values.len() as u16);
    for value in values {
        put64(out, *value);
    }
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}
