// What the bindings' C++ half finds where there is no libtorch: .cargo/config.toml puts this folder last on its search path.
#error "no libtorch: run scripts/setup-torch.sh, or set LIBTORCH to the folder of libtorch 2.11"
#include <no_libtorch> // a missing file ends the compilation here, before everything else that is missing
