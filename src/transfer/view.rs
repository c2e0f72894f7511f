//! What islands are told.

use std::rc::Rc;
use std::sync::Arc;

use crate::circle::CircleStatus;
use crate::media::kind::Kind;
use crate::protocol::rooms::LiveState;
use crate::swarm::status::{DownloadStatus, SharingStatus};

/// One file chosen on the home page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedFile {
    /// Path with `/` between its parts; a bare name for a file that was not in a folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

/// What is chosen so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelectionView {
    /// In the order in which they were chosen, and behind them the dropped folders that hold nothing, whose paths end
    /// in `/`.
    pub files: Rc<Vec<SelectedFile>>,
    /// How many of these are folders.
    pub empty_folders: usize,
    /// All together.
    pub total_bytes: u64,
    /// A dropped folder is still being read.
    pub reading: bool,
    /// What could not be taken, in one sentence.
    pub problem: Option<String>,
}

/// The sender's room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShareView {
    /// The whole link with its fragment, once the room exists.
    pub link: Option<String>,
    /// What recipients are asked for, if anything.
    pub password: Option<String>,
    /// Unix time in seconds at which the room ends by itself.
    pub expires_at: Option<u64>,
    /// What the room holds, once it exists.
    pub files: Arc<Vec<SelectedFile>>,
    /// The page was reloaded, and these files have to be chosen again before it serves.
    pub asked: Option<Asked>,
    /// What is played live, if there is anything to play.
    pub broadcast: Option<BroadcastView>,
    /// How it goes.
    pub status: SharingStatus,
    /// The browser did not keep what makes the room this page's own: a reload ends the share.
    pub unkept: bool,
    /// The room is over, and this is why, in one sentence. The link no longer works.
    pub ended: Option<String>,
    /// Something went wrong, in one or two sentences. Without a link: nothing was shared.
    pub problem: Option<String>,
}

/// What a returned owner still has to choose, and what was chosen in vain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Not chosen yet.
    pub missing: Option<Named>,
    /// Chosen last, and not as they were: the size or the time of change is another.
    pub different: Option<Named>,
    /// Chosen last, and not the room's.
    pub foreign: Option<Named>,
    /// The browser has kept a way to some of them, which a click opens.
    pub kept: bool,
}

/// Some files, the first by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Path of the first.
    pub first: String,
    /// How many there are besides.
    pub others: usize,
}

/// One file that a room offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Path as shown, made safe to show.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Whether the person wants it.
    pub wanted: bool,
    /// What can be done with it besides saving it.
    pub kind: Option<Kind>,
}

/// Where a finished download went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saved {
    /// The browser saves it.
    File {
        /// Under this name.
        name: String,
        /// The file's own, if browsers save under no such name.
        own_name: Option<String>,
    },
    /// Written into a folder that the person chose, as far as it went.
    Folder(Arc<FolderSave>),
    /// On an earlier visit.
    Earlier,
    /// Nowhere yet: it was fetched to be played.
    Kept,
}

/// A download that was written into a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderSave {
    /// The folder's name.
    pub folder: String,
    /// Files that are there now.
    pub saved: usize,
    /// Files that the download has.
    pub of: usize,
    /// What got another name, because its own was taken or not allowed: its path in the download, and the one there.
    /// A folder's ends in `/`.
    pub renamed: Vec<(String, String)>,
    /// What could not be written, by its path in the download.
    pub left_out: Vec<String>,
    /// Why it ended early.
    pub end: Option<SaveEnd>,
}

impl FolderSave {
    /// Whether all is there.
    pub fn is_whole(&self) -> bool {
        self.saved == self.of && self.left_out.is_empty() && self.end.is_none()
    }
}

/// Why nothing more can be written into a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveEnd {
    /// The disk is full.
    Full,
    /// The browser does not let the page write any more.
    Denied,
}

/// The recipient's room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReceiveView {
    /// Once the manifest is open.
    pub files: Option<Rc<Vec<FileRow>>>,
    /// Folders with nothing in them, which come as well.
    pub empty_folders: usize,
    /// How it goes.
    pub status: DownloadStatus,
    /// Where it was saved.
    pub saved: Option<Saved>,
    /// While the files are written to the chosen folder, per cent.
    pub saving: Option<u8>,
    /// While what an earlier visit left, or all before it is saved, is compared with the owner's signatures, per cent.
    pub checking: Option<u8>,
    /// Whether this page serves others, now or once it has something. The machine's own word is in `status`.
    pub helps: bool,
    /// It is fetched to be played, and saved only when the person asks for that.
    pub listening: bool,
    /// The download is kept in memory, because this browser keeps no files for pages now.
    pub in_memory: bool,
    /// The browser can save several files into a folder of the person's choice.
    pub can_choose_folder: bool,
    /// Something went wrong, in one or two sentences.
    pub problem: Option<String>,
    /// Something to know that stops nothing, in one sentence.
    pub notice: Option<String>,
    /// What the sender plays.
    pub live: LiveView,
    /// While the person listens together with others.
    pub together: Option<CircleStatus>,
    /// Why that ended, in one or two sentences.
    pub together_problem: Option<String>,
}

/// Listening live.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveView {
    /// Whether the sender could be heard.
    pub offered: LiveState,
    /// While the person listens.
    pub circle: Option<CircleStatus>,
    /// The browser keeps the sound back until the person presses something.
    pub blocked: bool,
    /// Per cent.
    pub volume: u8,
    /// Silent.
    pub muted: bool,
    /// Why it ended, in one or two sentences.
    pub problem: Option<String>,
}

impl Default for LiveView {
    fn default() -> Self {
        Self {
            offered: LiveState::Absent,
            circle: None,
            blocked: false,
            volume: 100,
            muted: false,
            problem: None,
        }
    }
}

/// What an owner plays live.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BroadcastView {
    /// Whether this browser can pass on what it plays.
    pub able: bool,
    /// The player.
    pub player: PlayerView,
    /// Who listens.
    pub circle: CircleStatus,
}

/// One track of a room.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its file's number.
    pub file: usize,
    /// Its name.
    pub title: String,
    /// Heard or seen.
    pub kind: Kind,
    /// Its size.
    pub bytes: u64,
    /// Whether it is fetched.
    pub wanted: bool,
}

/// A picture that is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct PictureView {
    /// Its file's number.
    pub file: usize,
    /// Its name.
    pub title: String,
    /// Where its content is, once it can be had.
    pub address: Option<String>,
}

/// What a player can be asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PlayerCommand {
    /// Play, or pause.
    Toggle,
    /// Go on, or try again.
    Play,
    /// Stop for a while.
    Pause,
    /// The next track.
    Next,
    /// The beginning of this track, or the track before.
    Previous,
    /// To this second.
    SeekTo(f64),
    /// So many seconds on, or back.
    SeekBy(f64),
    /// Per cent.
    Volume(u8),
    /// Silent, or not any more.
    Mute,
    /// Per cent of the normal speed.
    Speed(u16),
    /// Away with the player.
    Close,
    /// The next picture, or the one before.
    Turn(isize),
    /// Away with the picture.
    ClosePicture,
}

/// The player.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlayerView {
    /// What can be played, in order.
    pub tracks: Arc<Vec<Track>>,
    /// File of the track that is in the player; `None` while there is no player.
    pub current: Option<usize>,
    /// Heard or seen.
    pub kind: Option<Kind>,
    /// What is played.
    pub title: String,
    /// By whom, if the file says so.
    pub artist: String,
    /// Address of the picture that comes with it.
    pub artwork: Option<String>,
    /// How many pictures can be looked at.
    pub pictures: usize,
    /// The one that is looked at.
    pub picture: Option<PictureView>,
    /// It plays, or would if it could.
    pub playing: bool,
    /// It would play but waits for content.
    pub waiting: bool,
    /// Seconds.
    pub position: f64,
    /// Seconds; zero while unknown.
    pub duration: f64,
    /// What the browser's player holds, in thousandths of the duration.
    pub buffered: Vec<(u16, u16)>,
    /// What of the file is here, in thousandths of its bytes.
    pub here: Vec<(u16, u16)>,
    /// Per cent.
    pub volume: u8,
    /// Silent.
    pub muted: bool,
    /// Per cent of the normal speed.
    pub speed: u16,
    /// Somebody else decides what is played.
    pub follows: bool,
    /// Why it does not play, in one or two sentences.
    pub problem: Option<String>,
    /// Which tracks were passed over and why, in a sentence for each reason.
    pub passed_over: Option<String>,
    /// Why it does not play yet, in one or two sentences.
    pub notice: Option<String>,
}

/// Whether this browser can take part at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// Yes.
    Full,
    /// The page did not come over HTTPS or from this machine, so browsers withhold what is needed.
    InsecureContext,
    /// WebRTC is missing or blocked.
    NoWebRtc,
}
