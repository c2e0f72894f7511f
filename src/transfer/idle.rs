//! The server's side of the seam: the same names, doing nothing.

use leptos::web_sys::{DragEvent, Element, HtmlInputElement};

use super::view::{PlayerCommand, PlayerView, ReceiveView, SelectionView, Support};
use crate::protocol::id::PeerId;
use crate::swarm::status::Caps;

/// Files that a person has chosen and not yet shared.
pub struct Selection;

impl Selection {
    /// Nothing chosen; `on_change` is told after every change.
    pub fn new(_on_change: impl Fn(SelectionView) + 'static) -> Self {
        Self
    }
    /// Adds what was chosen in an input, and empties the input.
    pub fn add_from_input(&self, _input: &HtmlInputElement) {}
    /// Adds dropped files and folders.
    pub fn add_from_drop(&self, _event: &DragEvent) {}
    /// Takes one out.
    pub fn remove(&self, _index: usize) {}
    /// Takes all out.
    pub fn clear(&self) {}
}

/// The code of the sender's room.
#[derive(Default)]
pub struct SenderBundle(());

impl SenderBundle {
    /// Begins to fetch it, unless it is here or on its way.
    pub fn fetch(&self) {}
    /// Has it make a room for what is chosen and show it in `place`.
    pub fn create_room(
        &self,
        _place: &Element,
        _selection: &Selection,
        _password: Option<String>,
        _on_outcome: impl FnOnce(Result<(), String>) + 'static,
    ) {
    }
}

/// Shows the sender's room in `place`, if this browser made the room that the address bar names.
pub fn return_to_room(_place: &Element, _on_problem: impl FnOnce(String) + 'static) {}

/// A running share.
pub struct Share;

impl Share {
    /// Takes chosen files back into a room that was come back to.
    pub fn offer(&self, _selection: &Selection) {}
    /// Takes back the files that the browser has kept a way to. In a click, since it asks the person.
    pub fn reopen(&self) {}
    /// Sends one recipient away.
    pub fn remove(&self, _peer: PeerId) {}
    /// Plays a file live, or what Play begins with.
    pub fn play(&self, _file: Option<usize>) {}
    /// What the person asks of the player.
    pub fn command(&self, _command: PlayerCommand) {}
    /// Where the player's own element goes.
    pub fn show_player_in(&self, _place: &Element) {}
    /// Sends one listener away.
    pub fn remove_listener(&self, _peer: PeerId) {}
    /// Stops serving for a while, or goes on.
    pub fn set_paused(&self, _paused: bool) {}
    /// Limits what is sent, now and on later visits.
    pub fn set_caps(&self, _caps: Caps) {}
    /// Closes the room for good.
    pub fn stop(&self) {}
}

/// A recipient's side of a room.
pub struct Receive;

impl Receive {
    /// Opens the manifest of the room that the address bar names. Joins only if an earlier visit left a download, which
    /// goes on by itself.
    pub fn open(
        _on_change: impl Fn(ReceiveView) + 'static,
        _on_player_change: impl Fn(PlayerView) + 'static,
    ) -> Self {
        Self
    }
    /// Whether to fetch one file. Only before the download starts.
    pub fn set_wanted(&self, _file: usize, _wanted: bool) {}
    /// Joins the room and fetches what is wanted; saves it by itself at the end.
    pub fn download(&self) {}
    /// The same, into a folder that the person chooses now.
    pub fn download_into_folder(&self) {}
    /// Stops asking for more.
    pub fn pause(&self) {}
    /// Asks for more again.
    pub fn resume(&self) {}
    /// Gives up, leaves the room and forgets what was fetched.
    pub fn cancel(&self) {}
    /// Whether this page serves others, now and on later visits.
    pub fn set_helps(&self, _helps: bool) {}
    /// Limits what is sent and received, now and on later visits.
    pub fn set_caps(&self, _caps: Caps) {}
    /// Saves the finished download once more.
    pub fn save_again(&self) {}
    /// Plays a file, or what Play begins with, and fetches the room for that.
    pub fn play(&self, _file: Option<usize>) {}
    /// Hears what the sender plays, now or as soon as it does.
    pub fn listen_live(&self) {}
    /// Listens no more.
    pub fn stop_listening_live(&self) {}
    /// How loud, per cent.
    pub fn set_live_volume(&self, _percent: u8) {}
    /// Silent, or not any more.
    pub fn mute_live(&self) {}
    /// Has a browser that kept the sound back play it.
    pub fn hear_live(&self) {}
    /// Where the element goes.
    pub fn show_live_in(&self, _place: &Element) {}
    /// Plays along with whoever else does.
    pub fn listen_together(&self) {}
    /// Goes its own way again.
    pub fn leave_together(&self) {}
    /// Shows the first picture, and fetches the room for that.
    pub fn look(&self) {}
    /// What the person asks of the player.
    pub fn command(&self, _command: PlayerCommand) {}
    /// Where the player's own element goes.
    pub fn show_player_in(&self, _place: &Element) {}
}

/// Whether this browser can take part at all.
pub fn support() -> Support {
    Support::Full
}

/// The limits that the person chose last.
pub fn caps() -> Caps {
    Caps::default()
}

/// Puts text on the clipboard; tells whether it is there.
pub async fn copy_text(_text: String) -> bool {
    false
}
