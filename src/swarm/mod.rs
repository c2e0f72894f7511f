//! What one browser decides.
pub mod status;
