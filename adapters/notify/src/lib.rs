#![doc = include_str!("../README.md")]

mod console;

pub use console::Console;
