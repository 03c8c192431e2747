// Runs once per visitor: sends the chosen video and asks for its answer. The video that plays is
// the visitor's own file; nothing is fetched back.
const find = (selector) => element.querySelector(selector);
const input = find("input"), video = find("video"), sending = find(".sending");
const buttons = [...element.querySelectorAll("[data-example]")];

function free(isFree) {
  for (const control of [input, ...buttons]) control.disabled = !isFree;
}

function fail(sentence) {
  const problem = find(".problem");
  problem.textContent = sentence;
  problem.hidden = !sentence;
  sending.textContent = "";
  free(true);
}

function classify(file) {
  fail("");
  document.querySelector("#fdd-answer").hidden = true;  // It is of the video before.
  URL.revokeObjectURL(video.src);
  video.src = URL.createObjectURL(file);
  video.hidden = false;
  find(".unplayable").hidden = true;
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) video.play().catch(() => {});
  if (file.size > props.limit) return fail(props.too_large);
  free(false);
  const request = new XMLHttpRequest();
  request.open("PUT", "upload?name=" + encodeURIComponent(file.name));
  request.upload.onprogress = (event) => {
    sending.textContent = `Uploading: ${Math.floor((100 * event.loaded) / event.total)} %`;
  };
  request.onerror = () => fail("The upload broke off. Please try again.");
  request.onload = () => {
    if (request.status !== 200) return fail(request.responseText);
    sending.textContent = "";
    document.querySelector("#fdd-answer").hidden = false;
    props.value = request.responseText;
    trigger("submit");
  };
  request.send(file);
}

input.addEventListener("change", () => {
  if (input.files.length) classify(input.files[0]);
  input.value = "";  // So that the same file can be chosen again.
});
for (const button of buttons) {
  button.addEventListener("click", async () => {
    const response = await fetch("examples/" + button.dataset.example);
    classify(new File([await response.blob()], button.textContent + ".mp4", { type: "video/mp4" }));
  });
}
video.addEventListener("error", () => {
  video.hidden = true;
  find(".unplayable").hidden = false;
});
document.addEventListener("fdd:answered", () => free(true));
free(true);
