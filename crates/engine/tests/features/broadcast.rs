//! Messages that are encoded once for many sessions. Row E102.

use fanfare_engine::{Buffer, Engine, Frame, Message, Session};
use fanfare_testkit::{Polling, WebSocket};
use tokio::io::AsyncReadExt as _;

use crate::server::{Server, within};

/// Exactly what a WebSocket session gets for a message, header included.
async fn raw_bytes(websocket: WebSocket, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let mut stream = websocket.into_stream();
    within("the frames", stream.read_exact(&mut bytes)).await.unwrap();
    bytes
}

#[tokio::test]
async fn every_session_gets_the_same_bytes() {
    let mut server = Server::start(Engine::builder()).await;
    let mut websockets = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..50 {
        websockets.push(server.websocket().await);
        sessions.push(server.opened().await);
    }
    let text = "€".repeat(100);
    let frames = [Frame::Text(Buffer::from(text.as_bytes())), Frame::Binary(Buffer::from(&[1, 2, 3, 4][..]))];
    let outgoing = server.engine.encode(frames, true);
    let expected = [&[0x81, 126, 1, 45, b'4'], text.as_bytes(), &[0x82, 4, 1, 2, 3, 4]].concat();
    assert_eq!(outgoing.len(), expected.len());
    let payloads: Vec<_> = outgoing.payloads().collect();
    assert_eq!(payloads, [text.as_bytes(), &[1, 2, 3, 4]]);
    for session in &sessions {
        session.send_encoded(&outgoing).unwrap();
    }
    for websocket in websockets {
        assert_eq!(raw_bytes(websocket, expected.len()).await, expected);
    }
}

#[tokio::test]
async fn each_transport_gets_its_own_form_of_it() {
    let mut server = Server::start(Engine::builder()).await;
    let polling: Polling = server.polling().await;
    let mut websocket = server.websocket().await;
    let mut base64 = server.websocket_with("&b64=1").await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(server.opened().await);
    }
    let frames = [Frame::Text(Buffer::from(&b"text"[..])), Frame::Binary(Buffer::from(&[1, 2, 3, 4][..]))];
    let outgoing = server.engine.encode(frames, true);
    sessions.iter().for_each(|session| session.send_encoded(&outgoing).unwrap());
    assert_eq!(polling.packets().await, ["4text", "bAQIDBA=="]);
    assert_eq!((websocket.text().await, websocket.binary().await), ("4text".to_owned(), vec![1, 2, 3, 4]));
    assert_eq!((base64.text().await, base64.text().await), ("4text".to_owned(), "bAQIDBA==".to_owned()));
}

#[tokio::test]
async fn what_is_sent_keeps_its_order_whichever_way_it_is_sent() {
    let mut server = Server::start(Engine::builder()).await;
    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    let encoded = |text: &str| server.engine.encode([Frame::Text(Buffer::from(text.as_bytes()))], true);
    let send = |session: &Session, n: usize| match n % 3 {
        0 => session.send(Message::Text(&n.to_string())).unwrap(),
        1 => session.send_encoded(&encoded(&n.to_string())).unwrap(),
        _ => {
            let _cork = session.cork();
            session.send(Message::Text(&n.to_string())).unwrap();
        }
    };
    (0..300).for_each(|n| send(&session, n));
    for n in 0..300 {
        assert_eq!(websocket.text().await, format!("4{n}"));
    }
}

#[tokio::test]
async fn what_is_corked_leaves_in_one_piece() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut get = polling.start_poll().await;
    crate::server::polled(&session).await;
    let outer = session.cork();
    let inner = session.cork();
    session.send(Message::Text("a")).unwrap();
    drop(inner);
    // Everything that can run has run: a GET that could be answered would be.
    tokio::task::yield_now().await;
    session.send(Message::Text("b")).unwrap();
    drop(outer);
    assert_eq!(get.response().await.text(), "4a\x1e4b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_may_send_to_many_sessions() {
    let mut server = Server::start(Engine::builder()).await;
    let mut websockets = Vec::new();
    let mut sessions = Vec::new();
    for _ in 0..10 {
        websockets.push(server.websocket().await);
        sessions.push(server.opened().await);
    }
    let senders = (0..8).map(|sender| {
        let (engine, sessions) = (server.engine.clone(), sessions.clone());
        tokio::spawn(async move {
            for n in 0..50 {
                let text = Buffer::from(format!("{sender} {n}").as_bytes());
                let outgoing = engine.encode([Frame::Text(text)], false);
                sessions.iter().for_each(|session| session.send_encoded(&outgoing).unwrap());
                tokio::task::yield_now().await;
            }
        })
    });
    futures_util::future::join_all(senders).await;
    for websocket in &mut websockets {
        let mut next = [0; 8];
        for _ in 0..400 {
            let text = websocket.text().await;
            let (sender, n) = text[1..].split_once(' ').unwrap();
            let next = &mut next[sender.parse::<usize>().unwrap()];
            assert_eq!(n.parse::<usize>().unwrap(), *next, "messages of one sender keep their order");
            *next += 1;
        }
    }
}
