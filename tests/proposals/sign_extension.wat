;; Sign extension as an instruction.
(module
  (func $extend (export "extend") (param i32) (result i32) (return (i32.extend8_s (local.get 0))))
  (func (export "twice") (param i32) (result i32) (i32.extend16_s (call $extend (local.get 0)))))
