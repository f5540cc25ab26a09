// The same replacement of operator new for this program.
#include "../core/failing_new_test.cpp"
