//! What is checked in a session description before the browser sees it.

use crate::protocol::limits::{
    DEFAULT_MAX_MESSAGE_BYTES, LONGEST_BLOCK_LENGTH, MAX_SDP_BYTES, MIN_MAX_MESSAGE_BYTES,
};
use crate::protocol::peer_wire::BLOCK_HEADER_BYTES;

/// A description that is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// Longer than [`MAX_SDP_BYTES`].
    #[error("a description that is too long")]
    TooLong,
    /// Not exactly one data-channel section (RFC 8841).
    #[error("a description of something else than data channels")]
    NotDataChannels,
    /// No SHA-256 fingerprint (RFC 8122).
    #[error("a description without a fingerprint")]
    NoFingerprint,
    /// Messages smaller than this protocol works with.
    #[error("a description that takes only tiny messages")]
    TinyMessages,
}

/// Checks a remote description and answers the largest message that the remote takes, in bytes.
///
/// # Errors
/// It does not describe data channels alone.
pub fn inspect_description(sdp: &str) -> Result<u32, DescriptionError> {
    if sdp.len() > MAX_SDP_BYTES {
        return Err(DescriptionError::TooLong);
    }
    let mut sections = sdp.lines().filter(|line| line.starts_with("m="));
    let is_data = |line: &str| line.starts_with("m=application ") && line.contains("SCTP");
    if !sections.next().is_some_and(is_data) || sections.next().is_some() {
        return Err(DescriptionError::NotDataChannels);
    }
    if !sdp.lines().any(|line| line.to_ascii_lowercase().starts_with("a=fingerprint:sha-256 ")) {
        return Err(DescriptionError::NoFingerprint);
    }
    let max_message = sdp
        .lines()
        .find_map(|line| line.strip_prefix("a=max-message-size:"))
        .and_then(|value| value.trim().parse::<u64>().ok())
        // Zero means any size (RFC 8841, section 6).
        .map(|bytes| if bytes == 0 { u64::from(u32::MAX) } else { bytes })
        .map_or(DEFAULT_MAX_MESSAGE_BYTES, |bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
    if max_message < MIN_MAX_MESSAGE_BYTES {
        return Err(DescriptionError::TinyMessages);
    }
    Ok(max_message)
}

/// Payload bytes of one block at most, on a path that takes messages of this size.
pub fn block_length_for(max_message_bytes: u32) -> u32 {
    LONGEST_BLOCK_LENGTH.min(max_message_bytes.saturating_sub(BLOCK_HEADER_BYTES as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
        a=fingerprint:sha-256 AA:BB\r\na=max-message-size:262144\r\n";

    #[test]
    fn the_message_size_is_read_and_has_a_default() {
        assert_eq!(inspect_description(GOOD), Ok(262_144));
        let absent = GOOD.replace("a=max-message-size:262144\r\n", "");
        assert_eq!(inspect_description(&absent), Ok(65_536));
        let any = GOOD.replace("262144", "0");
        assert_eq!(inspect_description(&any), Ok(u32::MAX));
        assert_eq!(block_length_for(65_536), 65_528);
        assert_eq!(block_length_for(262_144), 131_072);
    }

    #[test]
    fn anything_but_data_channels_is_refused() {
        use DescriptionError as E;
        let audio = format!("{GOOD}m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n");
        assert_eq!(inspect_description(&audio), Err(E::NotDataChannels));
        assert_eq!(inspect_description(""), Err(E::NotDataChannels));
        let sha1 = GOOD.replace("sha-256", "sha-1");
        assert_eq!(inspect_description(&sha1), Err(E::NoFingerprint));
        let tiny = GOOD.replace("262144", "100");
        assert_eq!(inspect_description(&tiny), Err(E::TinyMessages));
        let long = format!("{GOOD}{}", "a=x\r\n".repeat(5000));
        assert_eq!(inspect_description(&long), Err(E::TooLong));
    }
}
