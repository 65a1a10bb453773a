//! The cluster's wire formats against messages that were captured from Node.js servers and emitters, and simulations of
//! whole clusters.

#![allow(clippy::disallowed_methods, reason = "a test has to start at some instant")]

mod captured;
mod notation;
mod poisoned;
mod simulation;
