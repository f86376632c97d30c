;; Loads and stores of several bytes in an array of bytes.
(module
  (type $bytes (array (mut i8)))
  (func (export "swap") (param i32) (result i32)
    (local $bytes (ref $bytes))
    (local.set $bytes (array.new_default $bytes (i32.const 16)))
    (i32.store (type $bytes) (local.get $bytes) (i32.const 4) (local.get 0))
    (return (i32.load (type $bytes) (local.get $bytes) (i32.const 4)))))
