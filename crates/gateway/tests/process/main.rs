//! The binary as a process: its memory under attack, its signals, its output, its complaints, its configuration, what it
//! tells operators. Rows as in the table of
//! limits: LIM, MEM, SIO, NODE, AUTH.

mod admin;
mod attacks;
mod config;
mod drain;
mod memory;
mod mistakes;
mod node;
mod output;
mod presence;
mod signals;
