//! The keyboard, where it does not already mean something, whatever its layout.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement, KeyboardEvent};

use crate::transfer::{PlayerCommand, PlayerView};

/// Seconds of a step by the arrows, and by J and L.
const STEP_SECONDS: f64 = 5.0;
const LEAP_SECONDS: f64 = 10.0;
/// Per cent of a step in volume, and in speed.
const VOLUME_STEP: u8 = 5;
const SPEED_STEP: u16 = 25;
/// What older browsers say of a key that writes with others (UI Events, 7.3.1).
const COMPOSES: u32 = 229;

/// What a key press means here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Meaning {
    /// Nothing: it is for something else.
    Nothing,
    /// It is the player's, and was done when it was pressed first.
    Held,
    /// The player does this.
    Does(PlayerCommand),
}

/// A key press, as far as it matters.
#[derive(Clone, Copy, Debug, Default)]
struct Stroke<'a> {
    /// What it writes, or its name.
    key: &'a str,
    /// Where it lies, by its name on a keyboard of the United States.
    code: &'a str,
    shift: bool,
    /// With a key that makes it a command of the browser or the system.
    commands: bool,
    /// With the key for the third sign of a key.
    alt_graph: bool,
    /// It is held down.
    repeats: bool,
}

/// What has the keyboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Focus {
    #[default]
    Page,
    /// Something in which one writes or chooses by letters.
    Field,
    /// Something that Space presses.
    Button,
    /// A slider, which arrows move.
    Slider,
}

/// What a key does.
pub fn meaning(event: &KeyboardEvent, view: &PlayerView) -> Meaning {
    // Another part of the page, such as the viewer of pictures, took it.
    if event.default_prevented() || event.is_composing() || event.key_code() == COMPOSES {
        return Meaning::Nothing;
    }
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let inside =
        target.as_ref().is_some_and(|t| matches!(t.closest(".player:not(.live)"), Ok(Some(_))));
    let (key, code) = (event.key(), event.code());
    let stroke = Stroke {
        key: &key,
        code: &code,
        shift: event.shift_key(),
        commands: event.ctrl_key() || event.alt_key() || event.meta_key(),
        alt_graph: event.get_modifier_state("AltGraph"),
        repeats: event.repeat(),
    };
    decide(stroke, focus_of(target.as_ref()), inside, view)
}

fn focus_of(target: Option<&Element>) -> Focus {
    let Some(target) = target else { return Focus::Page };
    let writes = target.dyn_ref::<HtmlElement>().is_some_and(HtmlElement::is_content_editable);
    match target.tag_name().as_str() {
        _ if writes => Focus::Field,
        "INPUT" => match target.dyn_ref::<HtmlInputElement>().map(HtmlInputElement::type_) {
            Some(kind) => focus_of_input(&kind),
            None => Focus::Field,
        },
        "TEXTAREA" | "SELECT" => Focus::Field,
        "BUTTON" | "A" | "SUMMARY" => Focus::Button,
        _ => Focus::Page,
    }
}

fn focus_of_input(kind: &str) -> Focus {
    match kind {
        "range" => Focus::Slider,
        "checkbox" | "file" | "button" | "submit" | "reset" | "image" | "color" => Focus::Button,
        // Radio buttons are chosen by the arrows.
        _ => Focus::Field,
    }
}

fn decide(stroke: Stroke<'_>, focus: Focus, inside: bool, view: &PlayerView) -> Meaning {
    let Some(sign) = sign(stroke) else { return Meaning::Nothing };
    // Some layouts have these as the third sign of a key.
    let third = stroke.alt_graph && matches!(sign, Sign::Slower | Sign::Faster);
    let moves = matches!(sign, Sign::Left | Sign::Right | Sign::Up | Sign::Down | Sign::Home);
    // These scroll the page from anywhere else.
    let scrolls = matches!(sign, Sign::Up | Sign::Down | Sign::Home) && !inside;
    let taken = match focus {
        Focus::Page => false,
        Focus::Field => true,
        Focus::Button => sign == Sign::Space,
        Focus::Slider => moves,
    };
    if taken || scrolls || (stroke.commands && !third) {
        return Meaning::Nothing;
    }
    let again =
        matches!(sign, Sign::Left | Sign::Right | Sign::Up | Sign::Down | Sign::Letter('j' | 'l'));
    if stroke.repeats && !again {
        // Held down, it would switch to and fro, or fly through the album.
        return if command(sign, view).is_some() { Meaning::Held } else { Meaning::Nothing };
    }
    command(sign, view).map_or(Meaning::Nothing, Meaning::Does)
}

fn command(sign: Sign, view: &PlayerView) -> Option<PlayerCommand> {
    Some(match sign {
        Sign::Space | Sign::Letter('k') => PlayerCommand::Toggle,
        Sign::Left => PlayerCommand::SeekBy(-STEP_SECONDS),
        Sign::Right => PlayerCommand::SeekBy(STEP_SECONDS),
        Sign::Letter('j') => PlayerCommand::SeekBy(-LEAP_SECONDS),
        Sign::Letter('l') => PlayerCommand::SeekBy(LEAP_SECONDS),
        Sign::Up => PlayerCommand::Volume(view.volume.saturating_add(VOLUME_STEP).min(100)),
        Sign::Down => PlayerCommand::Volume(view.volume.saturating_sub(VOLUME_STEP)),
        Sign::Letter('m') => PlayerCommand::Mute,
        Sign::Letter('n') => PlayerCommand::Next,
        Sign::Letter('p') => PlayerCommand::Previous,
        Sign::Faster => PlayerCommand::Speed(view.speed.saturating_add(SPEED_STEP).min(200)),
        Sign::Slower => PlayerCommand::Speed(view.speed.saturating_sub(SPEED_STEP).max(50)),
        Sign::Home => PlayerCommand::SeekTo(0.0),
        Sign::Digit(digit) => PlayerCommand::SeekTo(view.duration * f64::from(digit) / 10.0),
        Sign::Letter(_) => return None,
    })
}

/// What a key stands for, on any layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sign {
    Space,
    Left,
    Right,
    Up,
    Down,
    Home,
    Slower,
    Faster,
    /// A Latin letter, in lower case.
    Letter(char),
    Digit(u8),
}

fn sign(stroke: Stroke<'_>) -> Option<Sign> {
    match stroke.key {
        "ArrowLeft" => return Some(Sign::Left),
        "ArrowRight" => return Some(Sign::Right),
        "ArrowUp" => return Some(Sign::Up),
        "ArrowDown" => return Some(Sign::Down),
        "Home" => return Some(Sign::Home),
        _ => {}
    }
    let mut chars = stroke.key.chars();
    let (Some(written), None) = (chars.next(), chars.next()) else { return None };
    match written {
        // A layout may have another space there.
        written if written.is_whitespace() => return Some(Sign::Space),
        '<' => return Some(Sign::Slower),
        '>' => return Some(Sign::Faster),
        '0'..='9' => return Some(Sign::Digit(written as u8 - b'0')),
        // With or without Caps Lock or Shift, and where this layout has the letter.
        written if written.is_ascii_alphabetic() => {
            return Some(Sign::Letter(written.to_ascii_lowercase()));
        }
        _ => {}
    }
    // Where numbers are written with Shift, and where they have signs of their own.
    if let Some(digit) = stroke.code.strip_prefix("Digit").filter(|_| !stroke.shift)
        && let Ok(digit) = digit.parse()
    {
        return Some(Sign::Digit(digit));
    }
    // A script without Latin letters: by the place of the key.
    if !written.is_alphabetic() {
        return None;
    }
    match (stroke.code, stroke.shift) {
        ("Comma", true) => Some(Sign::Slower),
        ("Period", true) => Some(Sign::Faster),
        (code, _) => {
            let letter = code.strip_prefix("Key")?.chars().next()?;
            Some(Sign::Letter(letter.to_ascii_lowercase()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> PlayerView {
        PlayerView { volume: 50, speed: 100, duration: 200.0, ..Default::default() }
    }

    fn pressed(key: &str, code: &str) -> Meaning {
        decide(Stroke { key, code, ..Stroke::default() }, Focus::Page, false, &view())
    }

    fn shifted(key: &str, code: &str) -> Meaning {
        let stroke = Stroke { key, code, shift: true, ..Stroke::default() };
        decide(stroke, Focus::Page, false, &view())
    }

    #[test]
    fn letters_mean_the_same_on_every_layout() {
        use PlayerCommand::{Mute, Next, Previous, SeekBy, Toggle};
        for (key, code, does) in [
            ("n", "KeyN", Next),
            // Caps Lock.
            ("N", "KeyN", Next),
            ("P", "KeyP", Previous),
            ("M", "KeyM", Mute),
            ("K", "KeyK", Toggle),
            // Russian, Greek, Hebrew, Arabic, Korean, full width.
            ("т", "KeyN", Next),
            ("Т", "KeyN", Next),
            ("з", "KeyP", Previous),
            ("ь", "KeyM", Mute),
            ("о", "KeyJ", SeekBy(-10.0)),
            ("ν", "KeyN", Next),
            ("Μ", "KeyM", Mute),
            ("צ", "KeyM", Mute),
            ("ى", "KeyN", Next),
            ("ㅜ", "KeyN", Next),
            ("ｎ", "KeyN", Next),
            // Where the letter lies elsewhere: AZERTY, Dvorak.
            ("m", "Semicolon", Mute),
            ("n", "KeyL", Next),
            ("p", "KeyR", Previous),
            ("k", "KeyV", Toggle),
            // No code at all.
            ("n", "", Next),
        ] {
            assert_eq!(pressed(key, code), Meaning::Does(does), "{key} {code}");
            assert_eq!(shifted(key, code), Meaning::Does(does), "Shift {key} {code}");
        }
        // Another Latin letter, whatever it lies on.
        for (key, code) in [(",", "KeyM"), ("b", "KeyN"), ("ñ", "Semicolon"), ("ö", "Semicolon")]
        {
            assert_eq!(pressed(key, code), Meaning::Nothing, "{key} {code}");
        }
    }

    #[test]
    fn numbers_go_to_tenths_of_the_track() {
        let to = |tenth: f64| Meaning::Does(PlayerCommand::SeekTo(20.0 * tenth));
        for (key, code, tenth) in [
            ("0", "Digit0", 0.0),
            ("9", "Digit9", 9.0),
            ("5", "Numpad5", 5.0),
            ("é", "Digit2", 2.0),
            ("&", "Digit1", 1.0),
            ("à", "Digit0", 0.0),
            ("ě", "Digit2", 2.0),
            ("٣", "Digit3", 3.0),
        ] {
            assert_eq!(pressed(key, code), to(tenth), "{key} {code}");
        }
        // AZERTY has them there.
        assert_eq!(shifted("2", "Digit2"), to(2.0));
        for (key, code) in [("@", "Digit2"), ("!", "Digit1"), ("(", "Digit9")] {
            assert_eq!(shifted(key, code), Meaning::Nothing, "{key}");
        }
        // Without Num Lock these are arrows.
        assert_eq!(pressed("ArrowLeft", "Numpad4"), Meaning::Does(PlayerCommand::SeekBy(-5.0)));
        assert_eq!(pressed("Clear", "Numpad5"), Meaning::Nothing);
    }

    #[test]
    fn speed_is_where_the_layout_has_its_signs() {
        let [slower, faster] = [75, 125].map(|speed| Meaning::Does(PlayerCommand::Speed(speed)));
        assert_eq!(shifted("<", "Comma"), slower);
        assert_eq!(shifted(">", "Period"), faster);
        // German and French, then Russian.
        assert_eq!(pressed("<", "IntlBackslash"), slower);
        assert_eq!(shifted(">", "IntlBackslash"), faster);
        assert_eq!(shifted("Б", "Comma"), slower);
        assert_eq!(shifted("Ю", "Period"), faster);
        assert_eq!(pressed("б", "Comma"), Meaning::Nothing);
        // Hungarian writes it by AltGr, which Windows reports as Ctrl and Alt.
        let mut third = Stroke { key: "<", code: "IntlBackslash", ..Stroke::default() };
        (third.commands, third.alt_graph) = (true, true);
        assert_eq!(decide(third, Focus::Page, false, &view()), slower);
        let other = Stroke { key: "n", code: "KeyN", ..third };
        assert_eq!(decide(other, Focus::Page, false, &view()), Meaning::Nothing);
    }

    #[test]
    fn commands_of_the_browser_and_names_of_keys_are_left_alone() {
        for key in ["n", "p", "m", " ", "т", "ArrowLeft", "1"] {
            let stroke = Stroke { key, code: "KeyN", commands: true, ..Stroke::default() };
            assert_eq!(decide(stroke, Focus::Page, true, &view()), Meaning::Nothing, "{key}");
        }
        for key in ["", "Dead", "Process", "Unidentified", "Enter", "Tab", "Escape", "F5", "End"] {
            assert_eq!(pressed(key, "KeyN"), Meaning::Nothing, "{key}");
        }
    }

    #[test]
    fn what_has_the_keyboard_keeps_its_keys() {
        let press = |key, focus| {
            let stroke = Stroke { key, code: "", ..Stroke::default() };
            decide(stroke, focus, true, &view()) != Meaning::Nothing
        };
        for key in ["n", " ", "5", "ArrowLeft", "<", "т"] {
            assert!(!press(key, Focus::Field), "{key}");
        }
        assert!(!press(" ", Focus::Button), "it would be pressed twice");
        assert!(press("n", Focus::Button) && press("ArrowLeft", Focus::Button));
        for key in ["ArrowLeft", "ArrowUp", "Home"] {
            assert!(!press(key, Focus::Slider), "{key}");
        }
        assert!(
            press(" ", Focus::Slider) && press("m", Focus::Slider) && press("7", Focus::Slider)
        );
        assert_eq!(focus_of_input("range"), Focus::Slider);
        assert_eq!(focus_of_input("checkbox"), Focus::Button);
        for kind in ["text", "password", "search", "number", "date", "radio", "whatever"] {
            assert_eq!(focus_of_input(kind), Focus::Field, "{kind}");
        }
    }

    #[test]
    fn the_page_scrolls_by_the_keys_that_scroll() {
        let press = |key, inside| {
            let stroke = Stroke { key, ..Stroke::default() };
            decide(stroke, Focus::Page, inside, &view())
        };
        for key in ["ArrowUp", "ArrowDown", "Home"] {
            assert_eq!(press(key, false), Meaning::Nothing, "{key}");
        }
        assert_eq!(press("ArrowUp", true), Meaning::Does(PlayerCommand::Volume(55)));
        assert_eq!(press("ArrowDown", true), Meaning::Does(PlayerCommand::Volume(45)));
        assert_eq!(press("Home", true), Meaning::Does(PlayerCommand::SeekTo(0.0)));
    }

    #[test]
    fn a_key_that_is_held_switches_once() {
        let hold = |key| {
            let stroke = Stroke { key, code: "", repeats: true, ..Stroke::default() };
            decide(stroke, Focus::Page, true, &view())
        };
        for key in [" ", "k", "m", "n", "p", "3", "<"] {
            assert_eq!(hold(key), Meaning::Held, "{key}");
        }
        assert_eq!(hold("ArrowRight"), Meaning::Does(PlayerCommand::SeekBy(5.0)));
        assert_eq!(hold("ArrowUp"), Meaning::Does(PlayerCommand::Volume(55)));
        assert_eq!(hold("x"), Meaning::Nothing);
    }
}
