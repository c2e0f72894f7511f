//! Session descriptions of sound and picture.

use crate::protocol::limits::MAX_SDP_BYTES;

/// Sections at most: one for sound, one for picture.
const MAX_SECTIONS: usize = 2;
/// What a listener asks of Opus (RFC 7587, section 6.1): music in stereo, at a rate at which little is lost. Browsers would
/// otherwise send speech in mono.
const MUSIC: &str = "stereo=1;sprop-stereo=1;maxaveragebitrate=160000;usedtx=0";

/// Which way a description lets sound and picture go, seen from who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// A listener's.
    Receives,
    /// A host's.
    Sends,
}

/// A description that is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaDescriptionError {
    /// Longer than [`MAX_SDP_BYTES`].
    #[error("a description that is too long")]
    TooLong,
    /// Other sections than one for sound and one for picture at most.
    #[error("a description of something else than sound and picture")]
    NotMedia,
    /// No SHA-256 fingerprint (RFC 8122).
    #[error("a description without a fingerprint")]
    NoFingerprint,
    /// It goes the wrong way.
    #[error("a description that goes the wrong way")]
    WrongWay,
}

/// Checks a remote description.
///
/// # Errors
/// It describes anything but sound and picture that go one way.
pub fn inspect_media(sdp: &str, direction: Direction) -> Result<(), MediaDescriptionError> {
    if sdp.len() > MAX_SDP_BYTES {
        return Err(MediaDescriptionError::TooLong);
    }
    let sections: Vec<&str> = sdp.lines().filter(|line| line.starts_with("m=")).collect();
    let is_media = |line: &&str| line.starts_with("m=audio ") || line.starts_with("m=video ");
    if sections.is_empty() || sections.len() > MAX_SECTIONS || !sections.iter().all(is_media) {
        return Err(MediaDescriptionError::NotMedia);
    }
    if !sdp.lines().any(|line| line.to_ascii_lowercase().starts_with("a=fingerprint:sha-256 ")) {
        return Err(MediaDescriptionError::NoFingerprint);
    }
    let own = match direction {
        Direction::Receives => "a=recvonly",
        Direction::Sends => "a=sendonly",
    };
    let ways = ways(sdp);
    // A section may be off, but not all.
    if ways.iter().all(|way| [own, "a=inactive"].contains(way)) && ways.contains(&own) {
        Ok(())
    } else {
        Err(MediaDescriptionError::WrongWay)
    }
}

/// The way of each section. What stands before the first is for those that say nothing, and without any word a section
/// goes both ways (RFC 8866, section 6.7).
fn ways(sdp: &str) -> Vec<&str> {
    let mut common = "a=sendrecv";
    let mut ways = Vec::new();
    for line in sdp.lines().map(str::trim_end) {
        if line.starts_with("m=") {
            ways.push(common);
        } else if matches!(line, "a=sendonly" | "a=recvonly" | "a=sendrecv" | "a=inactive") {
            *ways.last_mut().unwrap_or(&mut common) = line;
        }
    }
    ways
}

/// A listener's offer that asks for music.
pub fn ask_for_music(sdp: &str) -> String {
    let opus = sdp.lines().find_map(|line| {
        let (payload, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
        codec.to_ascii_lowercase().starts_with("opus/").then_some(payload)
    });
    let Some(opus) = opus else { return sdp.to_owned() };
    let parameters = format!("a=fmtp:{opus} ");
    let mut asked = String::with_capacity(sdp.len() + MUSIC.len());
    for line in sdp.lines() {
        asked.push_str(line);
        if line.starts_with(&parameters) {
            // Of a parameter that stands twice the last counts in every browser.
            asked.push(';');
            asked.push_str(MUSIC);
        }
        asked.push_str("\r\n");
    }
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\n\
        a=fingerprint:sha-256 AA:BB\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n\
        a=fmtp:0 x=1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=recvonly\r\n";

    #[test]
    fn sound_and_picture_pass_one_way_only() {
        assert_eq!(inspect_media(OFFER, Direction::Receives), Ok(()));
        let answer = OFFER.replace("recvonly", "sendonly");
        assert_eq!(inspect_media(&answer, Direction::Sends), Ok(()));
        let off = answer.replacen("sendonly", "inactive", 1);
        assert_eq!(inspect_media(&off, Direction::Sends), Ok(()));
        // As Firefox writes it.
        let both_before = OFFER.replacen("m=audio", "a=sendrecv\r\nm=audio", 1);
        assert_eq!(inspect_media(&both_before, Direction::Receives), Ok(()));
    }

    #[test]
    fn anything_else_is_refused() {
        use MediaDescriptionError as E;
        let inspect = |sdp: &str| inspect_media(sdp, Direction::Receives).unwrap_err();
        assert_eq!(inspect(&OFFER.replace("recvonly", "sendonly")), E::WrongWay);
        assert_eq!(inspect(&OFFER.replacen("recvonly", "sendrecv", 1)), E::WrongWay);
        assert_eq!(inspect(&OFFER.replacen("a=recvonly\r\n", "", 1)), E::WrongWay);
        assert_eq!(inspect(&OFFER.replace("recvonly", "inactive")), E::WrongWay);
        assert_eq!(inspect(&format!("{OFFER}m=application 9 UDP/DTLS/SCTP x\r\n")), E::NotMedia);
        assert_eq!(inspect(&format!("{OFFER}m=audio 9 x\r\n")), E::NotMedia);
        assert_eq!(inspect("v=0\r\n"), E::NotMedia);
        assert_eq!(inspect(&OFFER.replace("sha-256", "sha-1")), E::NoFingerprint);
        assert_eq!(inspect(&format!("{OFFER}{}", "a=x\r\n".repeat(5000))), E::TooLong);
    }

    #[test]
    fn music_is_asked_for_where_there_is_opus() {
        let asked = ask_for_music(OFFER);
        assert!(asked.contains("a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;"), "{asked}");
        assert!(asked.contains("a=fmtp:0 x=1\r\n"));
        assert_eq!(inspect_media(&asked, Direction::Receives), Ok(()));
        let other = OFFER.replace("opus", "G722");
        assert_eq!(ask_for_music(&other), other);
    }
}
