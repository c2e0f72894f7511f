//! A link, to be read by a camera. Made where the link is, so that its key stays in the browser.

use std::fmt::Write as _;

use leptos::prelude::*;
use qrcodegen::{QrCode, QrCodeEcc};

use super::later::{later, slot};

/// Modules of white around the code, which readers need to find it (ISO/IEC 18004).
const QUIET_ZONE: i32 = 4;

/// The code of `text`, dark on white in every theme; nothing if `text` is too long for one.
#[component]
pub fn QrImage(
    /// What the camera is to read.
    #[prop(into)]
    text: Signal<Option<String>>,
) -> impl IntoView {
    slot(move || {
        let (side, path) = text.with(|text| outline(text.as_deref()?))?;
        Some(later(move || {
            view! {
                <svg
                    class="qr"
                    role="img"
                    aria-label="QR code"
                    viewBox=format!("0 0 {side} {side}")
                    shape-rendering="crispEdges"
                >
                    <path class="qr-paper" d=format!("M0 0h{side}v{side}h-{side}z") />
                    <path class="qr-ink" d=path />
                </svg>
            }
        }))
    })
}

/// Side length with the quiet zone, and one SVG path over all dark modules, a run of them at a time.
fn outline(text: &str) -> Option<(i32, String)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|&x| code.get_module(x, y)).count() as i32;
            if run > 0 {
                // Writing to a String cannot fail.
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET_ZONE, y + QUIET_ZONE);
            }
            x += run + 1;
        }
    }
    Some((code.size() + 2 * QUIET_ZONE, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_fits_and_starts_with_a_finder_pattern() {
        let link = "https://transfer.example.org/room/AQEBAQEBAQEBAQEB#AgICAgICAgICAgICAgICAg";
        let (side, path) = outline(link).unwrap();
        assert!(side <= 57, "{side}");
        assert!(path.starts_with("M4 4h7v1h-7z"));
    }

    #[test]
    fn what_is_too_long_has_no_code() {
        assert_eq!(outline(&"x".repeat(5000)), None);
    }
}
