//! The keyboard, where it does not already mean something.

use wasm_bindgen::JsCast;
use web_sys::{Element, KeyboardEvent};

use crate::transfer::{PlayerCommand, PlayerView};

/// Seconds of a step by the arrows, and by J and L.
const STEP_SECONDS: f64 = 5.0;
const LEAP_SECONDS: f64 = 10.0;
/// Per cent of a step in volume, and in speed.
const VOLUME_STEP: u8 = 5;
const SPEED_STEP: u16 = 25;

/// What a key does; `None` if it is for something else.
pub fn command(event: &KeyboardEvent, view: &PlayerView) -> Option<PlayerCommand> {
    // Another part of the page, such as the viewer of pictures, took it.
    if event.default_prevented() || event.ctrl_key() || event.alt_key() || event.meta_key() {
        return None;
    }
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let key = event.key();
    // These scroll the page from anywhere else.
    let inside =
        || target.as_ref().is_some_and(|t| matches!(t.closest(".player:not(.live)"), Ok(Some(_))));
    if matches!(key.as_str(), "ArrowUp" | "ArrowDown" | "Home") && !inside() {
        return None;
    }
    // What is typed into a field is the field's, and what presses a button is the button's.
    let taken = |target: Element| match target.tag_name().as_str() {
        "INPUT" | "TEXTAREA" | "SELECT" => true,
        "BUTTON" | "A" | "SUMMARY" => key == " ",
        _ => false,
    };
    if target.is_some_and(taken) {
        return None;
    }
    Some(match key.as_str() {
        " " | "k" => PlayerCommand::Toggle,
        "ArrowLeft" => PlayerCommand::SeekBy(-STEP_SECONDS),
        "ArrowRight" => PlayerCommand::SeekBy(STEP_SECONDS),
        "j" => PlayerCommand::SeekBy(-LEAP_SECONDS),
        "l" => PlayerCommand::SeekBy(LEAP_SECONDS),
        "ArrowUp" => PlayerCommand::Volume(view.volume.saturating_add(VOLUME_STEP).min(100)),
        "ArrowDown" => PlayerCommand::Volume(view.volume.saturating_sub(VOLUME_STEP)),
        "m" => PlayerCommand::Mute,
        "n" => PlayerCommand::Next,
        "p" => PlayerCommand::Previous,
        ">" => PlayerCommand::Speed((view.speed + SPEED_STEP).min(200)),
        "<" => PlayerCommand::Speed(view.speed.saturating_sub(SPEED_STEP).max(50)),
        "Home" => PlayerCommand::SeekTo(0.0),
        _ => {
            let digit = key.parse::<u8>().ok().filter(|digit| *digit < 10 && key.len() == 1)?;
            PlayerCommand::SeekTo(view.duration * f64::from(digit) / 10.0)
        }
    })
}
