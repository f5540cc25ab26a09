// one line too early
#pragma once
#include <iostream>
