;; RUN: counts strip-debug
(module
  (func $f (if (i32.const 1) (then)))
  (@custom ".debug_info" "x")
  (@custom ".debug_of_another_kind" "x")
  (@custom "sourceMappingURL" "\06in.map")
  (@custom "external_debug_info" "\08in.debug")
  (@custom "metadata.code.trace_inst" "\00"))
