//! The room's words: joining, coming back, and the room's end.

use super::remote_peer::RemotePeer;
use super::{ClientMessage, Failure, Output, PeerId, Reason, ServerMessage, Swarm, Timestamp};
use crate::membership::SocketAct;
use crate::protocol::limits::MAX_TOLD_LINKS;
use crate::protocol::signalling::{CloseReason, ErrorCode, RoundTrip, Stats, Welcome};

impl Swarm {
    pub(super) fn socket_opened(&mut self, now: Timestamp) {
        if !self.membership.opened() {
            return;
        }
        // What was said about links that do not stand yet may be lost with the earlier socket.
        let pending = |remote: &RemotePeer| remote.provider && !remote.is_greeted();
        let pending: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, remote)| pending(remote))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in pending {
            self.drop_link(now, peer, Reason::Revoked);
        }
        let resume_token = self.membership.resume_token();
        let (have, slots) = (self.holds(), self.slots.offered());
        let stands = |remote: &RemotePeer| remote.provider && remote.is_greeted();
        let standing = self.peers.iter().filter(|(_, remote)| stands(remote));
        let providers = standing.map(|(peer, _)| *peer).take(MAX_TOLD_LINKS).collect();
        self.outputs.push_back(Output::Join { resume_token, have, slots, providers });
    }

    pub(super) fn socket_closed(&mut self, now: Timestamp) {
        self.membership.lost(now, &mut self.random);
    }

    pub(super) fn server_said(&mut self, now: Timestamp, message: ServerMessage) {
        if self.membership.is_outside() {
            return;
        }
        self.membership.heard(now);
        match message {
            ServerMessage::Welcome(welcome) => self.welcomed(now, welcome),
            ServerMessage::Assigned { peers, owner } => {
                self.waiting = None;
                self.owner = owner;
                for peer in peers {
                    self.offer_to(now, peer);
                }
            }
            ServerMessage::Serve { peer } => self.expect_offer(now, peer),
            ServerMessage::Waiting { ahead, seeds } => {
                self.waiting = Some((ahead, seeds > 0));
                // Nobody is here but those who lied.
                if self.bad_pieces >= super::leech::MAX_BAD_PIECES
                    && seeds as usize <= self.liars.len()
                {
                    self.fail(Failure::Corrupt);
                }
            }
            // The driver opens signals and hands them in as `SignalReceived`. Circles have sockets of their own.
            ServerMessage::Signal { .. } | ServerMessage::Pong | ServerMessage::Circle(_) => {}
            ServerMessage::Revoked { peer } => self.drop_link(now, peer, Reason::Revoked),
            ServerMessage::Roster { members } => self.roster = members,
            ServerMessage::Closed { reason } => self.room_closed(reason),
            ServerMessage::Error { code, .. } => self.refused(code),
        }
    }

    fn welcomed(&mut self, now: Timestamp, welcome: Welcome) {
        self.membership.welcomed(now, welcome.resume_token);
        self.topology = Some(welcome.topology);
        self.me = Some(welcome.peer_id);
        let ice = Output::UseIce { servers: welcome.ice_servers, trickle: welcome.trickle_ice };
        self.outputs.push_back(ice);
        if !welcome.resumed {
            // The server forgot this member, by a restart or because it was away too long. Links made before
            // go by names that may mean others now.
            for peer in self.peers.keys().copied().collect::<Vec<_>>() {
                self.drop_link(now, peer, Reason::Revoked);
            }
        }
        self.restart_lost_paths();
        if self.complete {
            self.outputs.push_back(Output::Tell(ClientMessage::Complete));
        } else if self.download.is_some() && !self.has_provider() {
            self.outputs.push_back(Output::Tell(ClientMessage::Want));
        }
        self.tell_progress(now);
    }

    fn room_closed(&mut self, reason: CloseReason) {
        let act = self.membership.dismissed();
        self.act_on_socket(act);
        // What is complete stays so; the socket just ends.
        if self.complete {
            self.leave();
            return;
        }
        self.fail(match reason {
            CloseReason::Stopped => Failure::Stopped,
            CloseReason::Expired => Failure::Expired,
            CloseReason::Removed => Failure::Removed,
            CloseReason::Replaced => Failure::Replaced,
        });
    }

    fn refused(&mut self, code: ErrorCode) {
        let failure = match code {
            ErrorCode::Version => Failure::Version,
            ErrorCode::Full => Failure::Full,
            ErrorCode::NotFound => Failure::Stopped,
            ErrorCode::Forbidden => Failure::Refused,
            // The socket closes, and the page comes back later.
            ErrorCode::Malformed | ErrorCode::TooFast | ErrorCode::Unavailable => return,
        };
        let act = self.membership.dismissed();
        self.act_on_socket(act);
        self.fail(failure);
    }

    fn has_provider(&self) -> bool {
        self.peers.values().any(|remote| remote.provider)
    }

    pub(super) fn act_on_socket(&mut self, acts: impl IntoIterator<Item = SocketAct>) {
        self.outputs.extend(acts.into_iter().map(|act| match act {
            SocketAct::Open => Output::OpenSocket,
            SocketAct::Close => Output::CloseSocket,
            SocketAct::Ping => Output::Tell(ClientMessage::Ping),
        }));
    }

    pub(super) fn is_joined(&self) -> bool {
        self.membership.is_joined()
    }

    pub(super) fn tell(&mut self, message: ClientMessage) {
        if self.is_joined() {
            self.outputs.push_back(Output::Tell(message));
        }
    }

    /// Tells what was measured last and measures anew.
    pub(super) fn tell_stats(&mut self, uplink_bytes_per_second: u64) {
        let mut round_trips = Vec::new();
        for (peer, remote) in self.peers.iter().filter(|(_, remote)| remote.is_greeted()) {
            self.outputs.push_back(Output::MeasureRoundTrip { peer: *peer });
            if let Some(time) = remote.round_trip.filter(|_| round_trips.len() < MAX_TOLD_LINKS) {
                let millis = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
                round_trips.push(RoundTrip { peer: *peer, millis });
            }
        }
        self.tell(ClientMessage::Stats(Stats { uplink_bytes_per_second, round_trips }));
    }

    pub(super) fn tell_link_lost(&mut self, peer: PeerId) {
        self.tell(ClientMessage::LinkLost { peer });
    }
}
