//! An echo over TLS, with a certificate that signs itself.
//!
//! Run it with `cargo run -p fanfare-engine --example tls`, then
//! `curl --insecure 'https://localhost:3443/engine.io/?EIO=4&transport=polling'`: the answer is the open packet of a new
//! session. WebSockets are at `wss://localhost:3443/engine.io/?EIO=4&transport=websocket`.

use std::sync::Arc;

use fanfare_engine::{Connection, Engine, Listener, Received, Session};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()])?;
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let mut tls = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![cert.der().clone()], key)?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];

    let engine = Engine::builder().build(|_: &Session| Echo)?;
    let listener = Listener::bind("127.0.0.1:3443").await?.tls(Arc::new(tls));
    println!("listening on https://{}{}", listener.local_addr()?, engine.path());
    listener.serve(engine.service()).await?;
    Ok(())
}

struct Echo;

impl Connection for Echo {
    fn message(&self, session: &Session, received: Received<'_>) {
        // A session that has closed meanwhile has no use for it.
        let _ = session.send(received.message);
    }
}
