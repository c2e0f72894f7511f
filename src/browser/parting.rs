//! Last words to the server, which go on after everything else of a download or a room is closed: see
//! [`crate::membership::farewell`].

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use super::signalling_socket::{SignallingSocket, SocketEvent};
use super::timer::{Timer, now};
use crate::membership::farewell::{Farewell, FarewellAct};
use crate::protocol::id::JoinToken;
use crate::protocol::limits::PROTOCOL_VERSION;
use crate::protocol::signalling::{ClientMessage, CloseReason, Have, Join, ServerMessage};

/// Farewells of one page at once; beyond them the oldest ends. Each ends by itself within a minute.
const MAX_PARTINGS: usize = 8;

thread_local! {
    /// Those that are not over.
    static PARTINGS: RefCell<Vec<Rc<Parting>>> = const { RefCell::new(Vec::new()) };
}

struct Parting {
    farewell: RefCell<Farewell>,
    socket: RefCell<Option<SignallingSocket>>,
    path: String,
    join_token: JoinToken,
    timer: Timer,
}

/// Says what is to be said over `socket`, or over others to the same path.
pub fn part(
    farewell: Farewell,
    socket: Option<SignallingSocket>,
    path: String,
    join_token: JoinToken,
) {
    let parting = Rc::new_cyclic(|weak: &Weak<Parting>| {
        let waker = weak.clone();
        let timer = Timer::new(move || step(&waker, Farewell::handle_timeout));
        let socket = socket.map(|socket| socket.heard_by(hearer(weak)));
        Parting {
            farewell: RefCell::new(farewell),
            socket: RefCell::new(socket),
            path,
            join_token,
            timer,
        }
    });
    PARTINGS.with_borrow_mut(|partings| {
        if partings.len() >= MAX_PARTINGS {
            partings.remove(0);
        }
        partings.push(parting.clone());
    });
    step(&Rc::downgrade(&parting), Farewell::begin);
}

fn hearer(parting: &Weak<Parting>) -> impl Fn(SocketEvent) + Clone + 'static {
    let parting = parting.clone();
    move |event| match event {
        SocketEvent::Opened => step(&parting, Farewell::opened),
        SocketEvent::Closed { in_order } => step(&parting, |f, now| f.closed(now, in_order)),
        SocketEvent::Said(message) => {
            if matches!(*message, ServerMessage::Closed { reason: CloseReason::Replaced }) {
                step(&parting, Farewell::taken_over);
            }
        }
    }
}

/// One input, and all that it leads to.
fn step(parting: &Weak<Parting>, input: impl FnOnce(&mut Farewell, crate::clock::Timestamp)) {
    let Some(parting) = parting.upgrade() else { return };
    input(&mut parting.farewell.borrow_mut(), now());
    loop {
        let Some(act) = parting.farewell.borrow_mut().poll_act() else { break };
        parting.execute(&Rc::downgrade(&parting), act);
    }
    match parting.farewell.borrow().timeout() {
        Some(at) => parting.timer.set(at.saturating_since(now()).as_secs_f64() * 1000.0),
        None => parting.timer.clear(),
    }
    if parting.farewell.borrow().is_over() {
        PARTINGS.with_borrow_mut(|partings| partings.retain(|other| !Rc::ptr_eq(other, &parting)));
    }
}

impl Parting {
    fn execute(&self, weak: &Weak<Self>, act: FarewellAct) {
        match act {
            FarewellAct::Open => match SignallingSocket::open(&self.path, hearer(weak)) {
                Ok(socket) => {
                    self.socket.replace(Some(socket));
                }
                Err(_) => self.farewell.borrow_mut().closed(now(), false),
            },
            FarewellAct::Join(token) => self.tell(&ClientMessage::Join(Join {
                version: PROTOCOL_VERSION,
                join_token: self.join_token,
                owner_token: None,
                resume_token: Some(token),
                have: Have::None,
                slots: 0,
                providers: Vec::new(),
                circle: None,
                page: None,
            })),
            FarewellAct::Leave => self.tell(&ClientMessage::Leave),
            FarewellAct::Close => match &*self.socket.borrow() {
                Some(socket) => socket.close(),
                None => self.farewell.borrow_mut().closed(now(), false),
            },
            FarewellAct::Abandon => {
                self.socket.take();
            }
        }
    }

    fn tell(&self, message: &ClientMessage) {
        if let Some(socket) = &*self.socket.borrow() {
            socket.send(message);
        }
    }
}
