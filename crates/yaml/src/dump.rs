//! Tree to text, byte for byte as PyYAML writes it.

use crate::Value;

/// `yaml.dump(value, default_flow_style=False, width=<unlimited>)`: block style, keys sorted as PyYAML sorts them, ASCII only.
pub fn dump(value: &Value) -> String {
    dump_indented(value, 2)
}

/// As [`dump`] with `indent=indent` (PyYAML accepts 2 to 9).
pub fn dump_indented(value: &Value, indent: usize) -> String {
    let _ = (value, indent);
    todo!()
}

/// Whether PyYAML writes this text plain (unquoted) in block context. Text that it quotes is read back as text;
/// text that it writes plain is resolved again when it is read back.
pub fn dumps_plain(text: &str) -> bool {
    let _ = text;
    todo!()
}
