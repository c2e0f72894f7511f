//! How far the download is, in words and as a bar.

use leptos::prelude::*;

use super::{Download, Stage};
use crate::components::format;
use crate::components::later::{later, paragraph, slot, text, when};
use crate::components::progress_bar::ProgressBar;
use crate::protocol::signalling::PathKind;
use crate::swarm::status::{DownloadStatus, Phase};

/// The phase for a tab's title.
pub fn title(phase: Phase) -> &'static str {
    match phase {
        Phase::Locked | Phase::Idle => "",
        Phase::Connecting => "Connecting",
        Phase::Waiting => "Waiting",
        Phase::Downloading => "Downloading",
        Phase::Paused => "Paused",
        Phase::Reconnecting => "Reconnecting",
        Phase::Complete | Phase::Seeding => "Complete",
        Phase::Failed => "Not downloaded",
    }
}

/// The phase as the page tells it. These words are a contract; see PRODUCT.
fn phase_words(status: &DownloadStatus) -> String {
    match status.phase {
        Phase::Locked | Phase::Idle | Phase::Failed => String::new(),
        Phase::Connecting => "Connecting".to_owned(),
        Phase::Waiting => format!("Waiting in line ({} ahead)", status.ahead),
        Phase::Downloading => "Downloading".to_owned(),
        Phase::Paused => "Paused".to_owned(),
        Phase::Reconnecting => "Reconnecting".to_owned(),
        Phase::Complete => "Complete".to_owned(),
        Phase::Seeding => format!("Seeding (helped {})", status.helped),
    }
}

/// "12 MB of 30 MB".
fn amount(status: &DownloadStatus) -> String {
    format!("{} of {}", format::size(status.have_bytes), format::size(status.wanted_bytes))
}

/// "5.6 MB/s, 3 min left, direct", as far as it is known.
fn pace(status: &DownloadStatus) -> String {
    if status.phase != Phase::Downloading {
        return String::new();
    }
    let left = status.seconds_left.map(|seconds| format!("{} left", format::duration(seconds)));
    let path = match status.path {
        PathKind::Unknown => None,
        PathKind::Direct => Some("direct".to_owned()),
        PathKind::Relayed => Some("relayed".to_owned()),
    };
    let parts: Vec<String> =
        [format::speed(status.bytes_per_second), left, path].into_iter().flatten().collect();
    parts.join(", ")
}

/// Thousandths that are here.
fn permille(status: &DownloadStatus) -> u32 {
    match status.wanted_bytes {
        0 if matches!(status.phase, Phase::Complete | Phase::Seeding) => 1000,
        0 => 0,
        wanted => {
            let part = u128::from(status.have_bytes.min(wanted)) * 1000 / u128::from(wanted);
            u32::try_from(part).unwrap_or(1000)
        }
    }
}

/// The phase, the bar and the numbers. The phase's element is there from the start, so that readers hear it
/// change.
#[component]
pub fn Progress(download: Download, phase: Memo<Phase>, stage: Memo<Stage>) -> impl IntoView {
    let status = download.status;
    let words = Memo::new(move |_| status.with(phase_words));
    let shown = when(move || matches!(stage.get(), Stage::Running | Stage::Done));
    view! {
        <div class="transfer" class:started=shown>
            <p class="phase" role="status">{text(move || words.get())}</p>
            {slot(move || {
                shown.get().then(|| later(move || view! { <Numbers download=download phase=phase /> }))
            })}
        </div>
    }
}

#[component]
fn Numbers(download: Download, phase: Memo<Phase>) -> impl IntoView {
    let status = download.status;
    let permille = Memo::new(move |_| status.with(permille));
    let per_cent = move || format!("{} %", permille.get() / 10);
    let value_text = Signal::derive(move || format!("{}, {}", per_cent(), status.with(amount)));
    let alone = Memo::new(move |_| {
        status.with(|status| status.phase == Phase::Waiting && !status.seed_online)
    });
    let held_up = move || match phase.get() {
        Phase::Waiting if alone.get() => Some(
            "Nobody who has the files is here now. Keep this page open: the download starts by \
             itself when someone is back.",
        ),
        Phase::Waiting => Some("Keep this page open: the download starts by itself."),
        Phase::Reconnecting => {
            Some("The connection is gone. Keep this page open: the download goes on by itself.")
        }
        _ => None,
    };
    let working = move || match (download.checking.get(), download.saving.get()) {
        (Some(per_cent), _) => Some(format!("Checking what is already here: {per_cent} %")),
        (_, Some(per_cent)) => Some(format!("Saving: {per_cent} % written")),
        _ => None,
    };
    let pace = move || match download.saving.get() {
        Some(_) => String::new(),
        None => status.with(pace),
    };
    view! {
        <p class="per-cent" aria-hidden="true">{text(per_cent)}</p>
        <ProgressBar label="Download progress" permille=permille text=value_text />
        <p class="numbers">
            <span>{text(move || status.with(amount))}</span>
            <span>{text(pace)}</span>
        </p>
        {slot(move || paragraph("hint", working()))}
        {slot(move || paragraph("hint", held_up().map(str::to_owned)))}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: Phase) -> DownloadStatus {
        DownloadStatus {
            phase,
            ahead: 2,
            helped: 3,
            have_bytes: 12_000_000,
            wanted_bytes: 30_000_000,
            bytes_per_second: 5_600_000,
            seconds_left: Some(180),
            path: PathKind::Direct,
            ..DownloadStatus::default()
        }
    }

    #[test]
    fn phases_are_told_in_the_words_of_the_contract() {
        for (phase, words) in [
            (Phase::Idle, ""),
            (Phase::Connecting, "Connecting"),
            (Phase::Waiting, "Waiting in line (2 ahead)"),
            (Phase::Downloading, "Downloading"),
            (Phase::Paused, "Paused"),
            (Phase::Reconnecting, "Reconnecting"),
            (Phase::Complete, "Complete"),
            (Phase::Seeding, "Seeding (helped 3)"),
        ] {
            assert_eq!(phase_words(&status(phase)), words);
        }
    }

    #[test]
    fn numbers_are_told_while_bytes_move() {
        assert_eq!(amount(&status(Phase::Downloading)), "12 MB of 30 MB");
        assert_eq!(pace(&status(Phase::Downloading)), "5.6 MB/s, 3 min left, direct");
        assert_eq!(pace(&status(Phase::Paused)), "");
        assert_eq!(permille(&status(Phase::Downloading)), 400);
    }
}
