//! Small stateless parts that pages and islands share.
//!
//! | module | what it shows |
//! |---|---|
//! | [`mod@format`] | sizes, speeds, times and counts, in words: pure text |
//! | [`copy_field`] | a text that cannot be edited, with a button that copies it |
//! | [`limits`] | how fast the page may be, for the person to set |
//! | [`progress_bar`] | how far something is |
//! | [`later`] | what comes and goes in the browser alone |
//! | [`qr_code`] | a link, to be read by a camera |
//! | [`problem`] | what went wrong |

pub mod company;
pub mod copy_field;
pub mod format;
pub mod later;
pub mod limits;
pub mod problem;
pub mod progress_bar;
pub mod qr_code;
