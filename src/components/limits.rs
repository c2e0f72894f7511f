//! Limits of speed, set by the person.

use leptos::prelude::*;

use crate::swarm::status::Caps;

/// A closed box with a field for each direction that the page has.
#[component]
pub fn Limits(
    /// What holds now.
    caps: Caps,
    /// Whether the page receives as well as sends.
    receives: bool,
    /// Told after every change.
    on_change: impl Fn(Caps) + Copy + 'static,
) -> impl IntoView {
    let caps = RwSignal::new(caps);
    let change = move |change: fn(&mut Caps, Option<u64>), text: String| {
        caps.update(|caps| change(caps, Caps::from_megabits(&text)));
        on_change(caps.get_untracked());
    };
    let upload = move |event| change(|caps, cap| caps.upload = cap, event_target_value(&event));
    let download = move |event| change(|caps, cap| caps.download = cap, event_target_value(&event));
    let shown = |cap| Caps::to_megabits(cap);
    let now = caps.get_untracked();
    let download_field = receives.then(|| {
        view! {
            <label for="download-limit">"Download limit (Mbit/s)"</label>
            <input id="download-limit" type="number" min="0" step="any" inputmode="decimal"
                placeholder="none" prop:value=shown(now.download) on:input=download />
        }
    });
    view! {
        <details class="limits" open=now != Caps::default()>
            <summary>"Limit speed"</summary>
            <div class="limits-fields">
                <label for="upload-limit">"Upload limit (Mbit/s)"</label>
                <input id="upload-limit" type="number" min="0" step="any" inputmode="decimal"
                    placeholder="none" prop:value=shown(now.upload) on:input=upload />
                {download_field}
            </div>
        </details>
    }
}
