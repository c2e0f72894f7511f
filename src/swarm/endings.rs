//! How links and transfers end.

/// Why a link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is left to do.
    Done,
    /// It failed, stalled or did not come about.
    Lost,
    /// The server said so.
    Revoked,
    /// The peer broke the protocol.
    Misbehaved,
    /// The peer sent a piece that the owner did not sign.
    BadPiece,
}

/// Why it is over. Views turn each into a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The owner stopped sharing.
    Stopped,
    /// The room reached its end.
    Expired,
    /// The owner sent this page away.
    Removed,
    /// Another page took this one's place.
    Replaced,
    /// The server does not let this page in.
    Refused,
    /// The room is full.
    Full,
    /// This page is of another version than the server.
    Version,
    /// No connection came about in several attempts.
    Unreachable,
    /// The same, and this browser did not take the addresses that the server names for finding a way.
    IceRefused,
    /// The same, and this browser did not make another connection.
    ConnectionRefused,
    /// What is sent does not match what the owner signed, again and again.
    Corrupt,
    /// Every file that was wanted changed or vanished on the owner's disk.
    AllGone,
    /// The disk is full or the browser refuses to store more.
    Storage,
    /// The store does not give back what was written to it.
    Damaged,
}
