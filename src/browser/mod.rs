//! Everything that touches the browser: the drivers of [`crate::swarm`] and what they drive.
//!
//! | module | owns |
//! |---|---|
//! | `address` | the share link in the address bar |
//! | `share`, `receive`, `selection` | what the islands call, through [`crate::transfer`] |
//! | `sender_bundle` | the code of the sender's room, fetched when it is needed |
//! | `new_room` | making a room for chosen files |
//! | `swarm_driver` | the loop: inputs in, outputs executed; one for each room that the page is in |
//! | `circle_driver` | the same for one [`crate::circle`] |
//! | `broadcast` | what an owner plays live |
//! | `signalling` | the word with the server: socket, and sealed signals through it |
//! | `signalling_socket` | the WebSocket |
//! | `parting` | last words to the server |
//! | `signal_post`, `signal_seal` | signals on their way, and their seals |
//! | `negotiation` | descriptions and candidates of an `RTCPeerConnection` |
//! | `live_connection` | one that carries sound and picture |
//! | `peer_connection`, `peer_path` | one `RTCPeerConnection` with its data channels, and what its path is |
//! | `file_source` | the owner's files: reading, hashing, signing |
//! | `owner_record`, `returned_room`, `missing_files` | the owner's room and files after a reload |
//! | `piece_store`, `storage` | the recipient's pieces, by way of the storage worker; what an earlier visit left |
//! | `caps` | the limits of speed that the person chose |
//! | `server_call` | server functions |
//! | `save` | finished downloads, to the person's disk |
//! | `media` | playing what is here and what is still to come |
//! | `crypto` | WebCrypto: keys, seals, signatures, hashes |
//! | `listener`, `timer` | guards that let go of what they hold when dropped |
//!
//! Payload bytes stay in JavaScript buffers: file slice to data channel, data channel to storage worker.

mod address;
mod broadcast;
mod caps;
mod circle_driver;
mod crypto;
mod error;
mod file_source;
mod folder;
mod listener;
mod live_connection;
mod loaded_pieces;
mod media;
mod missing_files;
mod negotiation;
mod new_room;
mod owner_record;
mod parting;
mod peer_connection;
mod peer_path;
mod piece_store;
mod receive;
mod returned_room;
mod save;
mod selection;
mod sender_bundle;
mod server_call;
mod share;
mod signal_post;
mod signal_seal;
mod signalling;
mod signalling_socket;
mod storage;
mod support;
mod swarm_driver;
mod timer;

pub use caps::caps;
pub use new_room::{NewRoom, Problem};
pub use receive::Receive;
pub use selection::{ChosenFile, Selection, empty_folder_from_js};
pub use sender_bundle::{SenderBundle, return_to_room};
pub use share::Share;
pub use support::{copy_text, support, tell_hydrated};
