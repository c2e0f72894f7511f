//! The sender's room: the link to pass on, and how the share goes.

use leptos::prelude::*;
use leptos::wasm_bindgen::{JsCast, JsValue};
use leptos::web_sys::js_sys::{Date, Function, Object, Reflect};

use super::Chosen;
use super::coming_back::ChooseAgain;
use super::live::PlayLive;
use super::own_room::Handles;
use super::recipients::Recipients;
use super::stop::Stop;
use crate::components::copy_field::CopyField;
use crate::components::format;
use crate::components::later::{later, paragraph, slot, text, when};
use crate::components::limits::Limits;
use crate::components::problem::Problem;
use crate::components::qr_code::QrImage;
use crate::transfer::{Share, ShareView, caps};

const UNKEPT: &str = "This browser could not keep what it needs to go on after a reload, perhaps because the disk is full. Keep \
                      this tab open: the share ends with it.";

/// Everything below the heading, until the share has ended.
#[component]
pub fn SenderRoom(handles: Handles, sharing: RwSignal<ShareView>, chosen: Chosen) -> impl IntoView {
    let ended = Memo::new(move |_| sharing.with(|view| view.ended.clone()));
    slot(move || {
        Some(match ended.get() {
            Some(reason) => later(move || view! { <Ended reason=reason /> }),
            None => {
                later(move || view! { <Running handles=handles sharing=sharing chosen=chosen /> })
            }
        })
    })
}

/// The room is over.
#[component]
fn Ended(reason: String) -> impl IntoView {
    view! {
        <p class="lead" role="alert">{reason}</p>
        <p>
            <a class="button primary" href="/">"Share other files"</a>
        </p>
    }
}

#[component]
fn Running(handles: Handles, sharing: RwSignal<ShareView>, chosen: Chosen) -> impl IntoView {
    let problem = Memo::new(move |_| sharing.with(|view| view.problem.clone()));
    let asked = Memo::new(move |_| sharing.with(|view| view.asked.is_some()));
    let unkept = Memo::new(move |_| sharing.with(|view| view.unkept));
    let what = move || {
        sharing.with(|view| {
            let bytes = view.files.iter().map(|file| file.bytes).sum();
            format!("{}, {}", format::files(view.files.len()), format::size(bytes))
        })
    };
    let limit = move |caps| handles.share.with(|share: &Share| share.set_caps(caps));
    view! {
        <p class="lead">
            {text(what)} ". Send the link to whoever should have it; the link is the key, so send it to nobody else."
        </p>
        <Problem text=problem />
        {slot(move || paragraph("notice", unkept.get().then(|| UNKEPT.to_owned())))}
        <GoneFiles sharing=sharing />
        {slot(move || {
            asked
                .get()
                .then(|| later(move || view! { <ChooseAgain handles=handles sharing=sharing chosen=chosen /> }))
        })}
        <Link sharing=sharing />
        // Nobody knows before the room is joined.
        {slot(move || {
            (!asked.get())
                .then(|| {
                    later(move || {
                        view! {
                            <Copies sharing=sharing />
                            <Recipients handles=handles sharing=sharing />
                            <PlayLive handles=handles sharing=sharing />
                            <Limits caps=caps() receives=false on_change=limit />
                        }
                    })
                })
        })}
        <Stop handles=handles sharing=sharing />
    }
}

/// Link, password and code.
#[component]
fn Link(sharing: RwSignal<ShareView>) -> impl IntoView {
    let link = Memo::new(move |_| sharing.with(|view| view.link.clone()));
    let password = Memo::new(move |_| sharing.with(|view| view.password.clone()));
    let expires_at = Memo::new(move |_| sharing.with(|view| view.expires_at));
    let link_text = Signal::derive(move || link.get().unwrap_or_default());
    view! {
        <section class="card link" aria-label="Link">
            <div class="link-fields">
                <CopyField label="Share link" button="Copy link" id="share-link" text=link_text />
                {slot(move || {
                    let password = password.get()?;
                    Some(later(move || view! { <Password text=password /> }))
                })}
                <ShareSheet link=link_text />
                {slot(move || {
                    let time = expires_at.get().map(local_time);
                    paragraph("hint", time.map(|time| format!("The link works until {time}.")))
                })}
            </div>
            <QrImage text=link />
        </section>
    }
}

/// What recipients are asked for.
#[component]
fn Password(text: String) -> impl IntoView {
    view! {
        <CopyField
            label="Room password"
            button="Copy password"
            id="room-password"
            text=Signal::stored(text)
        />
        <p class="hint">"Tell the password another way than the link: by phone, for example."</p>
    }
}

/// The device's own way of passing a link on, where there is one.
#[component]
fn ShareSheet(link: Signal<String>) -> impl IntoView {
    let share = move |_| {
        if let Some((navigator, share)) = share_function() {
            let data = Object::new();
            // None of the three can throw on a fresh object and a function that exists; a person who
            // closes the sheet rejects the promise, which is no problem of anybody's.
            let _ = Reflect::set(&data, &"url".into(), &link.get_untracked().into());
            let _ = share.call1(&navigator, &data);
        }
    };
    share_function().map(|_| {
        view! { <button type="button" class="button" on:click=share>"Share…"</button> }
    })
}

/// `navigator.share`, which web-sys would only give behind its own type for the data.
fn share_function() -> Option<(JsValue, Function)> {
    let navigator = Reflect::get(&window(), &"navigator".into()).ok()?;
    let share = Reflect::get(&navigator, &"share".into()).ok()?.dyn_into().ok()?;
    Some((navigator, share))
}

/// "24 November, 05:56" on this device's clock.
fn local_time(unix_seconds: u64) -> String {
    let date = Date::new(&JsValue::from_f64(unix_seconds as f64 * 1000.0));
    let month = format::month_name(u64::from(date.get_month()) + 1);
    format!("{} {month}, {:02}:{:02}", date.get_date(), date.get_hours(), date.get_minutes())
}

/// How many copies there are and whether this tab is still needed.
#[component]
fn Copies(sharing: RwSignal<ShareView>) -> impl IntoView {
    let copies = Memo::new(move |_| sharing.with(|view| view.status.copies));
    let may_close = Memo::new(move |_| sharing.with(|view| view.status.may_close));
    let advice = move || match may_close.get() {
        true => "You can close this tab now".to_owned(),
        false => "Keep this tab open".to_owned(),
    };
    let count = move || match copies.get() {
        0 => "No complete copy besides yours yet".to_owned(),
        copies => {
            let copies = format::count(u64::from(copies), "complete copy", "complete copies");
            format!("{copies} besides yours")
        }
    };
    view! {
        <div class="card copies" class:may-close=when(move || may_close.get())>
            <div role="status" aria-label="Copies">
                <p class="copies-advice">{text(advice)}</p>
                <p class="copies-count">{text(count)}</p>
            </div>
            <p class="copies-speed">
                {text(move || {
                    sharing.with(|view| format::speed(view.status.bytes_per_second)).unwrap_or_default()
                })}
            </p>
        </div>
    }
}

/// "“a.txt” and 2 other files".
pub fn others(first: &str, others: usize) -> String {
    match others {
        0 => format!("“{first}”"),
        others => {
            format!("“{first}” and {}", format::count(others as u64, "other file", "other files"))
        }
    }
}

/// Names the files that can no longer be sent.
#[component]
fn GoneFiles(sharing: RwSignal<ShareView>) -> impl IntoView {
    let gone = Memo::new(move |_| sharing.with(|view| view.status.gone_files.clone()));
    let text = Signal::derive(move || {
        let first = *gone.get().first()?;
        let names = sharing.with(|view| {
            let name = view.files.get(first as usize).map(|file| file.path.as_str());
            others(name.unwrap_or_default(), gone.get().len() - 1)
        });
        Some(format!(
            "{names} changed or vanished on your disk, so it is not sent any more. \
             Share it again to send it as it is now."
        ))
    });
    view! { <Problem text=text /> }
}
