//! Dynamic namespaces: made when a client first asks for one, gone with the last client.
//!
//! Run it with `cargo run -p fanfare --example dynamic_namespaces`, then a client, in a folder where
//! `npm install socket.io-client` has been run:
//!
//! ```text
//! $ node
//! > const { io } = require("socket.io-client")
//! > const tenant = io("http://localhost:3000/tenant-7")
//! > tenant.on("welcome", console.log)
//! welcome to /tenant-7, which has 1 clients
//! > const secret = io("http://localhost:3000/vault", { auth: { password: "sesame" } })
//! > secret.on("welcome", console.log)
//! you are in
//! > io("http://localhost:3000/other").on("connect_error", (error) => console.log(error.message))
//! Invalid namespace
//! ```
//!
//! The server prints the name of every namespace that is made, and every five seconds tells all tenants how many there are.

use std::time::Duration;

use fanfare::{Namespace, ParentNamespace, Regex, Server, Socket, Value};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let io = Server::builder().cleanup_empty_child_namespaces(true).build()?;
    io.on_new_namespace(|namespace| println!("new namespace {}", namespace.name()));

    // By a pattern: all of them share these handlers, and nothing else.
    let tenants = io.of_pattern(Regex::new("^/tenant-[0-9]+$")?);
    tenants.on_connect(async |namespace: Namespace, socket: Socket| {
        let (name, clients) = (namespace.name(), namespace.sockets_count());
        socket.emit("welcome", &format!("welcome to {name}, which has {clients} clients"));
    });
    tokio::spawn(count_tenants(tenants));

    // By whatever a function says, which may look at the client's `auth` and take its time.
    let vaults = io
        .of_dynamic(async |name: String, auth: Value| name == "/vault" && auth["password"].as_str() == Some("sesame"));
    vaults.on_connect(async |socket: Socket| socket.emit("welcome", "you are in"));

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    io.listen(address).await?;
    Ok(())
}

async fn count_tenants(tenants: ParentNamespace) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        tenants.emit("tenants", &tenants.children().len());
    }
}
