;; Types that describe types, an import that is exactly of its type, and branches on descriptors.
(module
  (rec
    (type $pair (descriptor $pair.desc) (struct (field i32)))
    (type $pair.desc (describes $pair) (struct)))
  (type $exactly (func (param i32) (result i32)))
  (import "host" "exact" (func $exact (exact (type $exactly))))
  (elem declare func $exact $ours)
  (func $ours (type $exactly) (local.get 0))
  (func $make (param i32) (result (ref (exact $pair)))
    (struct.new_desc $pair (local.get 0) (struct.new $pair.desc)))
  (func (export "make") (param i32) (result i32) (struct.get $pair 0 (call $make (local.get 0))))
  (func (export "call") (param i32) (result i32)
    (call_ref $exactly (call $exact (local.get 0)) (ref.func $ours)))
  (func (export "reference") (result i32)
    (local (ref null (exact $exactly)))
    (local.set 0 (ref.func $exact))
    (return (ref.is_null (local.get 0)))))
