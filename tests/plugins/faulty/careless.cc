// What a plugin's library may not have.

int faulty_helper();

thread_local int careless_local = 0;

int careless_export() {
  return careless_local += faulty_helper();
}

// A template's static as gcc makes it by default.
asm(R"(
  .globl careless_unique
  .type careless_unique, @gnu_unique_object
  .data
careless_unique:
  .long 1
  .size careless_unique, 4
)");
