;; RUN: counts source-map=out.wasm.map
(module
  (func $f)
  (@custom "sourceMappingURL" "\08in.map.x")
  (@custom "external_debug_info" "\08in.debug"))
