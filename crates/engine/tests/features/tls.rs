//! Certificates, and a tunnel that lets clients that know no TLS speak it.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A certificate that signs itself, and its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { certificate: cert.der().clone(), key: PrivateKeyDer::Pkcs8(signing_key.serialize_der().into()) }
    }

    fn chain(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (vec![self.certificate.clone()], self.key.clone_key())
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        Arc::new(roots)
    }
}

/// The settings of a server; one that asks for a client's certificate takes only this one.
pub(crate) fn server_config(server: &Identity, client: Option<&Identity>) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder();
    let builder = match client {
        Some(client) => {
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(client.roots()).build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = server.chain();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// The settings of a client that trusts the server, with a certificate of its own or without.
pub(crate) fn client_config(server: &Identity, client: Option<&Identity>) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder().with_root_certificates(server.roots());
    Arc::new(match client {
        Some(client) => {
            let (chain, key) = client.chain();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
        None => builder.with_no_client_auth(),
    })
}

/// Forwards plain connections to a server over TLS; returns where to connect. A connection that the server refuses is
/// closed.
pub(crate) async fn tunnel(server: SocketAddr, config: Arc<ClientConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connector = TlsConnector::from(config);
    tokio::spawn(async move {
        loop {
            let (mut plain, _) = listener.accept().await.unwrap();
            let connector = connector.clone();
            tokio::spawn(async move {
                let stream = TcpStream::connect(server).await?;
                let mut encrypted = connector.connect("localhost".try_into().unwrap(), stream).await?;
                copy_bidirectional(&mut plain, &mut encrypted).await
            });
        }
    });
    address
}
