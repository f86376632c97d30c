;; Makes objects of the garbage collector's in every way there is, and keeps the books by the estimate of rule A7.
(module
  (type $node (struct (field i8) (field $value i64) (field (ref null $node))))
  (type $bytes (array (mut i8)))
  (type $nodes (array (mut (ref null $node))))
  (data $text "twelve bytes")
  (elem $two (ref null $node) (item (ref.null $node)) (item (ref.null $node)))
  (global $given (mut i64) (i64.const 0))
  (global $given_bytes (mut i64) (i64.const 0))
  (global $kept (mut (ref null $node)) (ref.null $node))

  (func $note (param $bytes i32)
    (global.set $given (i64.add (global.get $given) (i64.const 1)))
    (global.set $given_bytes (i64.add (global.get $given_bytes) (i64.extend_i32_u (local.get $bytes)))))

  ;; A header of 8 bytes, a byte, 8 at the next multiple of 8, a reference of 4: 28, rounded up to 32.
  (func $push (param $value i32)
    (call $note (i32.const 32))
    (global.set $kept (struct.new $node (i32.const 1) (i64.extend_i32_u (local.get $value)) (global.get $kept))))

  ;; A header with a length has 12 bytes.
  (func $arrays (param $length i32)
    (call $note (i32.add (i32.const 12) (local.get $length)))
    (drop (array.new $bytes (i32.const 7) (local.get $length)))
    (call $note (i32.add (i32.const 12) (i32.mul (i32.const 4) (local.get $length))))
    (drop (array.new_default $nodes (local.get $length)))
    (call $note (i32.const 24))
    (drop (array.new_fixed $nodes 3 (global.get $kept) (global.get $kept) (ref.null $node)))
    (call $note (i32.const 17))
    (drop (array.new_data $bytes $text (i32.const 2) (i32.const 5)))
    (call $note (i32.const 20))
    (drop (array.new_elem $nodes $two (i32.const 0) (i32.const 2))))

  ;; Its result is made in the tail of a call that jumps.
  (func $last (param $value i32) (result (ref $node))
    (call $note (i32.const 32))
    (struct.new_default $node))
  (func $jump (param $value i32) (result (ref $node))
    (return_call $last (local.get $value)))

  (func (export "work") (param $rounds i32) (local $round i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $round) (local.get $rounds)))
        (call $push (local.get $round))
        (call $arrays (i32.rem_u (local.get $round) (i32.const 50)))
        (drop (call $jump (local.get $round)))
        (local.set $round (i32.add (local.get $round) (i32.const 1)))
        (br $next))))

  (func (export "given") (result i64) (global.get $given))
  (func (export "given_bytes") (result i64) (global.get $given_bytes)))
