#include <tessera/base.h>
