//! `/`: choose files and share them.

use leptos::prelude::*;
use leptos_meta::{Meta, Title};

use crate::islands::share::Share;

/// All of it is one island, which becomes the sender's room.
#[component]
pub fn HomePage() -> impl IntoView {
    view! {
        <Title text="Transfer4me: send files straight to another browser" />
        <Meta
            name="description"
            content="Choose files, get a link, send the link. Files go from browser to browser; nothing is stored \
                     on a server."
        />
        <Share />
    }
}
