#include <tessera/driver.h>
