;; Typed references, called and branched on; a table that is initialised by `ref.func`, whose index moves.
(module
  (import "host" "seen" (func $seen (param i32)))
  (type $unary (func (param i32) (result i32)))
  (table $table (export "table") 2 (ref $unary) (ref.func $double))
  (func $double (type $unary) (i32.shl (local.get 0) (i32.const 1)))
  (func $apply (param $f (ref null $unary)) (param i32) (result i32)
    (call $seen (local.get 1))
    (block $null
      (return (call_ref $unary (local.get 1) (br_on_null $null (local.get $f)))))
    (i32.const -1))
  (func (export "some") (param i32) (result i32) (call $apply (ref.func $double) (local.get 0)))
  (func (export "none") (param i32) (result i32) (call $apply (ref.null $unary) (local.get 0)))
  (func (export "tail") (param i32) (result i32) (return_call_ref $unary (local.get 0) (ref.func $double)))
  (func (export "out") (param i32) (result i32)
    (call_ref $unary
      (local.get 0)
      (block $some (result (ref $unary))
        (br_on_non_null $some (table.get $table (i32.and (local.get 0) (i32.const 3))))
        (return (i32.const 3))))))
