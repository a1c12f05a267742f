"""From a float graph to an integer graph, in the order in which data meets it.

onnx_reader   a streaming ONNX file: read, checked, folded, its states found; a folder
streaming     a network of whole recordings made a stream, and proved to be one; a folder
lowering      ONNX operators to operators that TFLite Micro has, family by family
float_graph   the lowered graph, still in real numbers
float_onnx    that graph back to ONNX, for calibration
against_source  the lowered graph held to the file, output by output
calibrate     that graph over real frames in onnxruntime, every tensor watched
silent        parts that calibration never heard, left out where a recipe asks for it
equalise      channels between two layers brought nearer to one range
recipe        every choice, as TOML; the built-in ones stand in recipes/
ranges        from observed values to a range
formats       which dtype, scale and zero point each tensor gets
bias_correction  mean errors of products, taken from their biases
int8_states   GRU cells of int8 that hold their states
build         weights and biases to codes, QUANTIZE where formats meet: the integer graph
groups        names that must agree
conv_form     forms that TFLite Micro built with CMSIS-NN computes
graph         the integer graph itself
operators     the table of its operators, with everything that stands for each
regions       operators that belong together, in one form; a folder
prepare       parameters of its operators, computed once for the numpy kernels and for the C
proof         no sum can overflow, whatever the input
tflm_builds   which builds of TFLite Micro run it
pipeline      all of it in one call
long_run      states that outlive the calibration

arithmetic    rounding and multipliers, the only place for them in Python
tables        sigmoid and tanh as TFLite Micro has them
audio         the constants of the fixed-point path of the sound, one file a kind of stage, for Python and for C
"""
