//! Playing, as far as it can be decided without a browser.
//!
//! | module | decides |
//! |---|---|
//! | `kind` | what a file may be played or shown as, by its name |
//! | `natural` | the order of tracks |
//! | `range` | the answer to a request for part of a file |
//! | `window` | which pieces a player needs next |

pub mod kind;
pub mod natural;
pub mod range;
pub mod window;
