//! Playing, as far as it can be decided without a browser.
//!
//! | module | decides |
//! |---|---|
//! | `album` | what plays next, and what is said of tracks that do not play |
//! | `breaking` | whether a player that broke asks again, or its track is at fault |
//! | `kind` | what a file may be played or shown as, by its name |
//! | `lock_screen` | what a lock screen may be told of the place |
//! | `natural` | the order of tracks |
//! | `range` | the answer to a request for part of a file |
//! | `sound` | how loud and how fast, as it was kept between visits |
//! | `window` | which pieces a player needs next |

pub mod album;
pub mod breaking;
pub mod kind;
pub mod lock_screen;
pub mod natural;
pub mod range;
pub mod sound;
pub mod window;
