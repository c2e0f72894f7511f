//! From what an owner offers to what a recipient keeps: names that are safe on any system, and many files in one.
//!
//! A path in a manifest is hostile: it comes from another person's page. [`safe_path`] turns a room's paths into
//! ones that can neither leave the chosen folder nor hide what they are; [`portable`] makes a name that no browser
//! changes or refuses; [`placing`] finds a free one in a folder of the person's; [`zip`] frames files as one archive
//! without touching their bytes. None reads or writes a file.

pub mod fold;
pub mod placing;
pub mod portable;
pub mod safe_path;
#[cfg(test)]
mod tests;
pub mod zip;
