//! What a node does with its clients.

mod demo;
mod presence;
mod testbed;

use std::fmt;

use fanfare::{Server, ServerBuilder};

/// The applications that are built in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum App {
    /// A chat, with its page
    Demo,
    /// What load and conformance tests run against
    Testbed,
}

impl App {
    /// Gives the server what its handlers need.
    pub(crate) fn configure(self, builder: ServerBuilder) -> ServerBuilder {
        match self {
            Self::Demo => builder.state(presence::Presence::default()),
            Self::Testbed => builder,
        }
    }

    /// Registers its handlers.
    pub(crate) fn install(self, io: &Server) {
        match self {
            Self::Demo => demo::install(io),
            Self::Testbed => testbed::install(io),
        }
    }
}

impl fmt::Display for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Demo => "demo",
            Self::Testbed => "testbed",
        })
    }
}
