//! What every adapter has to do, as cases for the tests of its crate. Behind the feature `conformance`.
//!
//! A case wants servers of its own that share whatever their adapters need to find each other. It needs no network
//! besides: its clients speak to the servers' services. It panics where the adapter does not conform.
//!
//! ```
//! use fanfare::Server;
//! use fanfare::adapter::{MemoryAdapter, conformance};
//!
//! # #[tokio::main]
//! # async fn main() {
//! for case in conformance::cases() {
//!     case.run(async || vec![Server::builder().adapter(MemoryAdapter).build().unwrap()]).await;
//! }
//! # }
//! ```
//!
//! With one server, nodes and cluster are the same, which every case allows for. With three, each has one client, and the
//! first server does what is to reach all of them.

mod acks;
mod broadcasts;
mod client;
mod cluster;
mod management;
mod servers;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::server::Server;
use cluster::Cluster;

/// One thing that every adapter does.
#[derive(Clone, Copy)]
pub struct Case {
    name: &'static str,
    run: fn(Cluster) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Case {
    /// What the adapter does, as the name of a test.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs the case with the servers that `make` makes: at least one, all with the adapter, and connected to each other
    /// when it returns.
    pub async fn run(&self, make: impl AsyncFnOnce() -> Vec<Server>) {
        let cluster = Cluster::gather(make().await).await;
        (self.run)(cluster).await;
    }
}

/// All cases.
pub fn cases() -> impl Iterator<Item = Case> {
    [broadcasts::CASES, acks::CASES, management::CASES, servers::CASES].into_iter().flatten().copied()
}

/// A list of cases, each an async function of a [`Cluster`] whose name is that of the case.
macro_rules! case_list {
    ($($name:ident)*) => {
        pub(super) const CASES: &[super::Case] =
            &[$(super::Case { name: stringify!($name), run: |cluster| Box::pin($name(cluster)) }),*];
    };
}
use case_list;

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}
