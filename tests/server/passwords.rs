//! Protected rooms: what a password opens, and what guessing costs.

use std::time::{Duration, Instant};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use transfer4me::server::passwords::Passwords;
use transfer4me::server::rate_limit::{Quotas, Rate};

use super::running::{Room, Running, Setup, refusal, start, start_with, ticket_of};

const PASSWORD: &str = "right horse";

async fn protected_room(server: &Running) -> Room {
    server.room_with(json!({"password": {"kind": "text", "text": PASSWORD}})).await
}

/// Limits that are never met.
fn loose() -> Quotas {
    let rate = Rate { burst: 1_000_000, per_minute: 1_000_000 };
    Quotas { unlock: rate, unlock_room: rate, ..Quotas::default() }
}

#[tokio::test]
async fn a_password_is_needed_for_everything_but_the_summary() {
    let server = start().await;
    let room = protected_room(&server).await;
    let links = &room.created.links;
    assert_eq!(room.created.password.as_deref(), Some(PASSWORD));
    let summary: Value = server.get(&links.self_).await.json();
    assert_eq!((&summary["protected"], &summary["unlocked"]), (&json!(true), &json!(false)));
    assert_eq!(refusal(&server.get(&links.manifest).await), (403, "locked".into()));

    let wrong = server.post(&links.password, &json!({"password": "wrong"})).await;
    assert_eq!(ticket_of(&wrong), None);
    assert_eq!(refusal(&wrong), (403, "wrong_password".into()));

    let right = server.post(&links.password, &json!({"password": format!(" {PASSWORD}\n")})).await;
    assert_eq!(right.status(), StatusCode::NO_CONTENT);
    let cookie = right.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let ticket = ticket_of(&right).unwrap();
    assert!(ticket.starts_with(&format!("t4m_ticket_{}=", room.created.room_id)));
    let with_ticket = |path: &str| {
        server.request(Method::GET, path).header("cookie", format!("a=b; {ticket}")).send()
    };
    let summary: Value = with_ticket(&links.self_).await.json();
    assert_eq!(summary["unlocked"], true);
    assert_eq!(with_ticket(&links.manifest).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_password_is_the_same_however_a_keyboard_writes_it() {
    let server = start().await;
    for (made_with, shown) in [("Zo\u{eb}", "Zoe\u{308}"), ("Zoe\u{308}", "Zo\u{eb}")] {
        let room = server.room_with(json!({"password": {"kind": "text", "text": made_with}})).await;
        // By every door.
        assert!(server.unlock(&room, shown).await.1.is_some(), "{made_with:?}");
        let links = &room.created.links;
        let right = server.post(&links.password, &json!({"password": shown})).await;
        assert_eq!(right.status(), StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn a_ticket_opens_no_other_room() {
    let server = start().await;
    let (room, other) = (protected_room(&server).await, protected_room(&server).await);
    let (_, ticket) = server.unlock(&room, PASSWORD).await;
    // The value of one room's ticket under the other's name.
    let value = ticket.unwrap().split_once('=').unwrap().1.to_owned();
    let forged = format!("t4m_ticket_{}={value}", other.created.room_id);
    let manifest = server.request(Method::GET, &other.created.links.manifest);
    let response = manifest.header("cookie", forged).send().await;
    assert_eq!(refusal(&response), (403, "locked".into()));
}

#[tokio::test]
async fn a_generated_password_is_told_once_and_works() {
    let server = start().await;
    let room = server.room_with(json!({"password": {"kind": "generate"}})).await;
    let password = room.created.password.clone().unwrap();
    assert_eq!(password.split('-').count(), 4, "{password}");
    let summary = server.get(&room.created.links.self_).await.text();
    assert!(!summary.contains(&password));
    assert_eq!(server.unlock(&room, &password).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_sixth_guess_in_a_row_has_to_wait_even_if_it_is_right() {
    let server = start().await;
    let (room, other) = (protected_room(&server).await, protected_room(&server).await);
    for guess in 0..5 {
        assert_eq!(server.unlock(&room, &guess.to_string()).await.0, StatusCode::FORBIDDEN);
    }
    let sixth = server.post(&room.created.links.password, &json!({"password": PASSWORD})).await;
    let wait: u64 = sixth.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=11).contains(&wait), "{wait}");
    assert_eq!(ticket_of(&sixth), None);
    assert_eq!(refusal(&sixth), (429, "too_many_requests".into()));
    assert_eq!(server.unlock(&other, PASSWORD).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_guesses_open_nothing_and_slow_no_other_room() {
    let server = start().await;
    let (room, other) = (protected_room(&server).await, server.room().await);
    let guessing = async {
        let mut opened = 0;
        for round in 0..40 {
            let guesses = (0..50).map(|guess| {
                let body = json!({"password": format!("guess {round} {guess}")});
                server.request(Method::POST, &room.created.links.password).json(&body).send()
            });
            for answer in futures_util::future::join_all(guesses).await {
                opened += u32::from(ticket_of(&answer).is_some());
            }
        }
        opened
    };
    let reading = async {
        let mut slowest = Duration::ZERO;
        for _ in 0..50 {
            let asked = Instant::now();
            let page = server.get(&other.created.links.page).await;
            assert_eq!(page.status(), StatusCode::OK);
            slowest = slowest.max(asked.elapsed());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        slowest
    };
    let (opened, slowest) = tokio::join!(guessing, reading);
    assert_eq!(opened, 0);
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // Someone else's guesses are not this client's: the room still opens from elsewhere, and here in a while.
    let summary: Value = server.get(&room.created.links.self_).await.json();
    assert_eq!(summary["unlocked"], false);
}

#[tokio::test]
async fn a_full_password_queue_refuses_with_a_time_to_wait() {
    let passwords = Passwords::new(1, 1);
    let server = start_with(Setup { passwords, quotas: loose(), ..Setup::default() }).await;
    let room = protected_room(&server).await;
    let tries = (0..12).map(|_| {
        let body = json!({"password": PASSWORD});
        server.request(Method::POST, &room.created.links.password).json(&body).send()
    });
    let (mut right, mut busy) = (0, 0);
    for answer in futures_util::future::join_all(tries).await {
        let answer = answer;
        if answer.status() == StatusCode::NO_CONTENT {
            right += 1;
        } else {
            assert!(answer.headers().contains_key("retry-after"));
            assert_eq!(refusal(&answer), (503, "busy".into()));
            busy += 1;
        }
    }
    assert!(right >= 2 && busy >= 1, "{right} {busy}");
    assert_eq!(server.unlock(&room, PASSWORD).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn the_form_of_the_page_works_without_scripts() {
    let server = start().await;
    let room = protected_room(&server).await;
    let page = &room.created.links.page;
    // As browsers send a form of a page that sends no referrer.
    let send = |password: &str| {
        let request = server.request(Method::POST, page).form("password", password);
        request.header("origin", "null").header("sec-fetch-site", "same-origin").send()
    };
    let wrong = send("wrong").await;
    assert_eq!(wrong.status(), StatusCode::FORBIDDEN);
    let html = wrong.text();
    assert!(html.contains("role=\"alert\""), "{html}");
    assert!(html.contains("not the password"), "{html}");

    let right = send(PASSWORD).await;
    assert_eq!(right.status(), StatusCode::SEE_OTHER);
    assert_eq!(right.headers()["location"], page.as_str());
    let ticket = ticket_of(&right).unwrap();
    let open = server.request(Method::GET, page).header("cookie", ticket).send().await;
    let html = open.text();
    assert!(!html.contains("type=\"password\""), "{html}");

    for _ in 0..3 {
        assert_eq!(send("wrong").await.status(), StatusCode::FORBIDDEN);
    }
    let often = send("wrong").await;
    assert_eq!(often.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(often.headers().contains_key("retry-after"));
    assert!(often.text().contains("role=\"alert\""));
}

#[tokio::test]
async fn the_server_function_sets_the_ticket_too() {
    let server = start().await;
    let room = protected_room(&server).await;
    let request = |password| json!({"room_id": room.created.room_id, "password": password});
    let wrong = server.post("/rpc/unlock_room", &request("wrong")).await;
    assert_eq!(refusal(&wrong), (403, "wrong_password".into()));
    let right = server.post("/rpc/unlock_room", &request(PASSWORD)).await;
    assert_eq!(right.status(), StatusCode::OK);
    assert!(ticket_of(&right).is_some());
}
