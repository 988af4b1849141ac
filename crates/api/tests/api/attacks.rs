//! The service as an attacker meets it: over HTTP, knowing how it works. What belongs to one rule
//! alone is tested beside it; here is what is tried on everything.

mod canaries;
mod lines;
mod normalisation;
mod paths;
mod pollution;
mod races;
mod tokens;
