// A library that lies elsewhere than the plugin that needs it.
__attribute__((visibility("default"))) int faulty_helper() {
  return 1;
}
