//! messagepack
