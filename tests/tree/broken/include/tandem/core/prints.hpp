// one line too early
#pragma once
#include <iostream>
inline void prints_and_ends() {
  std::cout << 1;
  std::cerr << 1;
  std::clog << 1;
  std::printf("1");
  std::fprintf(stdout, "1");
  std::vprintf("1", {});
  std::puts("1");
  std::fputs("1", stdout);
  putchar('1');
  std::perror("1");
  if ("quoted"[0] == 'q') std::abort();
  exit(1);
  _Exit(1);
  std::quick_exit(1);
  std::terminate();
}
