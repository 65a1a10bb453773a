//! State: one that all handlers share, and one for each socket.
//!
//! Run it with `cargo run -p fanfare --example state`, then a client or more, in a folder where
//! `npm install socket.io-client` has been run:
//!
//! ```text
//! $ node
//! > const socket = require("socket.io-client").io("http://localhost:3000")
//! > await socket.emitWithAck("score", 3)
//! { mine: 3, all: 3 }
//! > await socket.emitWithAck("score", 4)
//! { mine: 7, all: 7 }
//! > await socket.emitWithAck("ranking")
//! [ [ 'TbxTjLKLyFqbc58xAAAB', 7 ] ]
//! ```
//!
//! With more clients, `all` counts the scores of all of them, and the ranking has a line for each.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fanfare::{Data, Server, Socket, SocketId, State};
use serde::{Deserialize, Serialize};

/// Shared by all handlers. Every one that asks for it gets a clone, so what it holds is behind an [`Arc`].
#[derive(Clone, Default)]
struct Scores {
    all: Arc<AtomicI64>,
}

/// Kept with each socket. It can be written down, so that other servers of a cluster can see it.
#[derive(Default, Serialize, Deserialize)]
struct Player {
    score: i64,
}

#[derive(Serialize)]
struct Standing {
    mine: i64,
    all: i64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io = Server::builder().state(Scores::default()).build()?;
    io.on_connect(async |socket: Socket| {
        socket.set_data(Player::default());
        socket.on("score", score);
        socket.on("ranking", ranking);
    });
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    io.listen(address).await?;
    Ok(())
}

async fn score(socket: Socket, State(scores): State<Scores>, Data(points): Data<i64>) -> Data<Standing> {
    let mine = score_of(&socket) + points;
    socket.set_data(Player { score: mine });
    let all = scores.all.fetch_add(points, Ordering::Relaxed) + points;
    Data(Standing { mine, all })
}

async fn ranking(io: Server) -> Vec<(SocketId, i64)> {
    let mut ranking: Vec<_> = io.sockets().iter().map(|socket| (socket.id(), score_of(socket))).collect();
    ranking.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    ranking
}

fn score_of(socket: &Socket) -> i64 {
    socket.data::<Player>().map_or(0, |player| player.score)
}
