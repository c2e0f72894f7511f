//! Why a browser's player broke: the way to the content, or the content. Browsers say the same of either at times.

use super::album::Fault;

/// Times that a player asks again after the way to the pieces broke, before the person has to.
const MOST_RETRIES: u32 = 8;
/// Times that it asks again when it looks as if the file itself were at fault: browsers say the same of a file whose answer
/// broke off before its head was there.
const MOST_DOUBTS: u32 = 2;

/// How a browser's player broke (HTML, `MediaError`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// What it fetched broke off.
    Network,
    /// What it fetched cannot be decoded.
    Decoding,
    /// Nothing can be made of it; also said where the first answer broke off, or was a refusal.
    Unknown,
}

/// What is known of content that does not play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// It lies in this browser, or on this machine.
    Local,
    /// This page has it, or will.
    Here,
    /// Another page may have it.
    Elsewhere,
    /// The rest of it will not come.
    Gone,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The player asks again.
    AskAgain,
    /// It is damaged if its content can be had at all.
    AskWhetherItIsThere,
    /// The track does not play.
    Fails(Fault),
}

/// Judges a player that broke after it had asked again so many times. `sounded`: something of the track was heard or seen.
pub fn judge(how: Break, sounded: bool, retries: u32, content: Content) -> Judgement {
    if content == Content::Gone {
        return Judgement::Fails(Fault::Gone);
    }
    // What was heard before is no unknown kind of file.
    let broke_off = how == Break::Network || (how == Break::Unknown && sounded);
    let most = match (broke_off, content) {
        // A disk does not mend by itself.
        (true, Content::Local) | (false, _) => MOST_DOUBTS,
        (true, _) => MOST_RETRIES,
    };
    match (retries < most, broke_off, content) {
        (true, ..) => Judgement::AskAgain,
        (false, true, Content::Local) => Judgement::Fails(Fault::Gone),
        (false, true, _) => Judgement::Fails(Fault::Unreachable),
        (false, false, Content::Here) => Judgement::Fails(Fault::Damaged),
        (false, false, _) => Judgement::AskWhetherItIsThere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_broke_off_is_no_damage() {
        use Content::{Elsewhere, Gone, Here, Local};
        use Judgement::{AskAgain, AskWhetherItIsThere, Fails};
        for (how, sounded, content, patience, end) in [
            (Break::Network, false, Here, 8, Fails(Fault::Unreachable)),
            (Break::Network, true, Elsewhere, 8, Fails(Fault::Unreachable)),
            (Break::Unknown, true, Here, 8, Fails(Fault::Unreachable)),
            (Break::Unknown, false, Here, 2, Fails(Fault::Damaged)),
            (Break::Decoding, true, Here, 2, Fails(Fault::Damaged)),
            (Break::Decoding, true, Elsewhere, 2, AskWhetherItIsThere),
            (Break::Unknown, false, Elsewhere, 2, AskWhetherItIsThere),
            (Break::Unknown, false, Local, 2, AskWhetherItIsThere),
            (Break::Network, true, Local, 2, Fails(Fault::Gone)),
            (Break::Network, true, Gone, 0, Fails(Fault::Gone)),
            (Break::Decoding, false, Gone, 0, Fails(Fault::Gone)),
        ] {
            for retries in 0..10 {
                let expected = if retries < patience { AskAgain } else { end };
                let judged = judge(how, sounded, retries, content);
                assert_eq!(judged, expected, "{how:?} {sounded} {retries} {content:?}");
            }
        }
    }
}
