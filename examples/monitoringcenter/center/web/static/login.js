// Shows why the last attempt failed.
document.getElementById("wrong").hidden = !new URLSearchParams(location.search).has("wrong");
